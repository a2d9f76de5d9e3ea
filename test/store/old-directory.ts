import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { open } from 'lmdb'

/** A directory as format 1 had it: the same keys as today without labels and checksums, and values without checksums. */
export async function writeOldDirectory(directory: string, records: number, recordBytes: number): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeFile(join(directory, 'FORMAT'), 'leveret-data 1\n')
  const file = open<Uint8Array, Uint8Array>(binaryFile(directory))
  await file.transaction(() => {
    void file.put(key(1, 7), Buffer.from('{"kind":"queue","value":{}}'))
    for (let seq = 0; seq < records; seq++) {
      void file.put(key(2, 7, seq, 0), oldRecord(seq, recordBytes))
      if (seq % 3 === 0) void file.put(key(2, 7, seq, 1), Buffer.from(`settled ${seq}`))
    }
    // Records 10 and 11 of another queue are removed, as far as anybody can tell.
    for (const seq of [9, 10, 11, 12]) void file.put(key(2, 8, seq, 0), oldRecord(seq, 5))
    void file.put(key(3, 8, 12), Buffer.from('000000000000000a', 'hex'))
  })
  await file.close()
}

/** How the data file of a directory is opened, for a look at it behind the back of the store. */
export function binaryFile(directory: string) {
  return { path: directory, noSubdir: false, keyEncoding: 'binary', encoding: 'binary', maxDbs: 1 } as const
}

export function oldRecord(seq: number, octets: number): Buffer {
  return Buffer.alloc(octets, `record ${seq} `)
}

/** The first octet, ids of 8 octets each, and a last octet if there is one. */
function key(kind: number, ...numbers: number[]): Buffer {
  const last = numbers.length === 3 ? numbers.pop() : undefined
  const octets = Buffer.alloc(numbers.length * 8)
  for (const [index, number] of numbers.entries()) octets.writeBigUInt64BE(BigInt(number), index * 8)
  return Buffer.concat([Buffer.of(kind), octets, last === undefined ? Buffer.of() : Buffer.of(last)])
}
