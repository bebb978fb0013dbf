/**
 * A text that grows by pieces up to a bound.
 *
 * @since 0.1.0
 */

/** Follows a text that was cut off. */
export const truncated = "... [truncated]"

/** How much text the parts of one answer may still hold together. */
export interface Room {
  left: number
}

export class BoundedText {
  private readonly pieces: Array<string> = []
  private cut = false

  constructor(private readonly room: Room) {}

  get isEmpty(): boolean {
    return this.pieces.length === 0
  }

  add(piece: string): void {
    if (this.cut || piece === "") return
    if (piece.length <= this.room.left) {
      this.room.left -= piece.length
      this.pieces.push(piece)
      return
    }
    this.cut = true
    // Half a character is none.
    const end = this.room.left > 0 && isHighSurrogate(piece.charCodeAt(this.room.left - 1))
      ? this.room.left - 1
      : this.room.left
    this.pieces.push(piece.slice(0, end), truncated)
    this.room.left = 0
  }

  toString(): string {
    return this.pieces.join("")
  }
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff
