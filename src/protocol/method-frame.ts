import { FRAME_END, FRAME_HEADER, FrameType } from './frame-scanner.js'
import { putLong } from './octets.js'
import type { OutputBuffer } from './output-buffer.js'

/**
 * Method frames on their way out:
 *
 * ```
 *  0      1         3        7          9           11          size + 7
 *  ┌──────┬─────────┬────────┬──────────┬───────────┬───────────┬──────┐
 *  │ 1    │ channel │ size   │ class id │ method id │ arguments │ 0xCE │
 *  └──────┴─────────┴────────┴──────────┴───────────┴───────────┴──────┘
 * ```
 */

/** Begins a method frame. @param id a `MethodId`. @returns where the frame starts, for `endFrame`. */
export function beginMethodFrame(out: OutputBuffer, channel: number, id: number): number {
  const start = out.used
  out.octet(FrameType.METHOD)
  out.short(channel)
  out.long(0) // the size, known at the end
  out.long(id)
  return start
}

/** Ends the frame that starts at `start`: fills in its size and closes it. */
export function endFrame(out: OutputBuffer, start: number): void {
  putLong(out.bytes, start + 3, out.used - start - FRAME_HEADER)
  out.octet(FRAME_END)
}
