/**
 * A text that grows by pieces up to a bound.
 *
 * @since 0.1.0
 */

/** Follows a text that was cut off. */
export const truncated = "... [truncated]"

/** Tokens arrive one by one, and many short texts take many times the memory of a long one. */
const blockLength = 1_024

/** How much text the parts of one answer may still hold together. */
export interface Room {
  left: number
}

export class BoundedText {
  private readonly blocks: Array<string> = []
  private pieces: Array<string> = []
  private cut = false

  constructor(private readonly room: Room) {}

  get isEmpty(): boolean {
    return this.blocks.length === 0 && this.pieces.length === 0
  }

  add(piece: string): void {
    if (this.cut || piece === "") return
    if (piece.length <= this.room.left) {
      this.room.left -= piece.length
      this.pieces.push(piece)
      if (this.pieces.length === blockLength) {
        this.blocks.push(this.pieces.join(""))
        this.pieces = []
      }
      return
    }
    this.cut = true
    // The cut must not divide a character.
    const end = this.room.left > 0 && isHighSurrogate(piece.charCodeAt(this.room.left - 1))
      ? this.room.left - 1
      : this.room.left
    this.pieces.push(piece.slice(0, end), truncated)
    this.room.left = 0
  }

  toString(): string {
    return this.blocks.join("") + this.pieces.join("")
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
