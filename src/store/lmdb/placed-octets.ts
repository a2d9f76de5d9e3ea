import { type FileHandle, open } from 'node:fs/promises'
import type { Place } from '../batch.js'
import { ifThere } from './journal-file.js'
import { keyText, recordFileText } from './key-text.js'
import { isIntact } from './keys.js'
import { recordFilesIn } from './record-files.js'
import type { Damage } from './salvage.js'

interface OpenFile {
  readonly number: number
  readonly octets: number
  readonly handle: FileHandle
}

/** Reads the octets of placed records, in a directory that no broker uses. */
export class PlacedOctets {
  readonly #paths: ReadonlyMap<number, string>
  /** The one that was read last: records of a queue lie behind each other. */
  #file: OpenFile | undefined

  private constructor(paths: ReadonlyMap<number, string>) {
    this.#paths = paths
  }

  static async of(dataDirectory: string): Promise<PlacedOctets> {
    return new PlacedOctets(await recordFilesIn(dataDirectory))
  }

  /** What was put under the key of a placed record, or that it cannot be read. One call at a time. */
  async read(key: Uint8Array, place: Place): Promise<Uint8Array | Damage> {
    const damaged = (why: string) => ({ damage: `${keyText(key)}, ${why}` })
    const name = recordFileText(place.file)
    try {
      const file = await this.#open(place.file)
      if (file === undefined) return damaged(`as ${name} is missing`)
      if (file.octets < place.offset + place.octets) return damaged(`as ${name} ends before it does`)
      const bytes = await readAt(file.handle, place)
      return isIntact(key, bytes) ? bytes : damaged(`in ${name}`)
    } catch (error) {
      return damaged(`in ${name} (${error instanceof Error ? error.message : error})`)
    }
  }

  async close(): Promise<void> {
    await this.#file?.handle.close()
    this.#file = undefined
  }

  /** @returns undefined when it is missing. */
  async #open(number: number): Promise<OpenFile | undefined> {
    if (this.#file?.number === number) return this.#file
    const path = this.#paths.get(number)
    const handle = path === undefined ? undefined : await ifThere(open(path, 'r'))
    if (handle === undefined) return undefined
    await this.close()
    this.#file = { number, handle, octets: (await handle.stat()).size }
    return this.#file
  }
}

/** @throws Error of the system */
async function readAt(file: FileHandle, { offset, octets }: Place): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(octets)
  for (let read = 0; read < octets; ) {
    const { bytesRead } = await file.read(bytes, read, octets - read, offset + read)
    if (bytesRead === 0) throw new Error('the file has become shorter')
    read += bytesRead
  }
  return bytes
}
