/**
 * What is settled in files that are full, until that is written into them: nobody waits for it, and at worst an event
 * is sent once more.
 */
import { attempt, type Disk } from "./disk.js"
import { LineBuffer } from "./lines.js"
import type { Segment } from "./segment.js"

export class Notes {
  private readonly lines = new Map<Segment, LineBuffer>()

  constructor(private readonly disk: Disk) {}

  of(segment: Segment): LineBuffer {
    let lines = this.lines.get(segment)
    if (lines === undefined) this.lines.set(segment, lines = new LineBuffer(64))
    return lines
  }

  delete(segment: Segment): void {
    this.lines.delete(segment)
  }

  write(): void {
    for (const [segment, lines] of this.lines) {
      this.lines.delete(segment)
      // Opening what is not there would make it anew.
      if (segment.isRemoved || segment.isGone) continue
      attempt(() => {
        if (segment.file === undefined) append(this.disk, segment.path, lines)
        else this.disk.write(segment.file, lines.filled)
      })
    }
  }
}

/** Removes the file of a segment, or else sees to it that the next process does not send what is in it again. */
export const removeFile = (disk: Disk, { path, runs }: Segment): void => {
  if (attempt(() => disk.remove(path))) return
  attempt(() => {
    const lines = new LineBuffer(64)
    for (const { count, number } of runs) lines.settled(number, number + count - 1)
    append(disk, path, lines)
  })
}

const append = (disk: Disk, path: string, lines: LineBuffer): void => {
  const file = disk.open(path)
  try {
    disk.write(file, lines.filled)
  } finally {
    disk.close(file)
  }
}
