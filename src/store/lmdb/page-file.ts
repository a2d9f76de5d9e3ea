/**
 * LMDB's file, read without LMDB: page by page, believing nothing. LMDB maps its file and trusts it, so that a page that is
 * missing or overwritten ends the process or is served as it is; what has to look at a file that may be damaged looks here.
 *
 *     page     | number u64 | transaction u64 | pad u16 | flags u16 | lower u16, upper u16, or pages u32 | content |
 *     meta     | magic u32 | version u32 | address u64 | map size u64 | free tree 48 | main tree 48 | last page u64 | transaction u64 |
 *     tree     | page size u32 (of the free tree) | flags u16 | depth u16 | counts 4 × u64 | root page u64 |
 *     node     | data size or low page bits u32 | flags or high page bits u16 | key size u16 | key | data |
 *     overflow | page u64 | transaction u64 | pages u64 |, the data of a large node; its octets follow the header of that page
 *
 * Numbers are little-endian. Pages 0 and 1 are metas; that with the greater transaction number is in force. Behind the
 * header of a branch or leaf page is an array of u16 with the places of its nodes, `lower` octets long; places count from
 * the end of the header.
 */

import { type FileHandle, open } from 'node:fs/promises'
import { endianness } from 'node:os'

const PAGE_HEADER = 24
const META_OCTETS = PAGE_HEADER + 136
const MAGIC = 0xbeefc0de
const LMDB_FORMAT = 2
const NODE_HEADER = 8
const NODE_IS_LARGE = 1
const OVERFLOW_OCTETS = 24

const PageFlag = { BRANCH: 1, LEAF: 2, OVERFLOW: 4, META: 8 } as const

const PAGE_BYTES_MIN = 256
const PAGE_BYTES_MAX = 65536

/** The root of a tree that has no page. */
export const NO_PAGE = 0xffff_ffff_ffff_ffffn

/** Whether files of this machine are laid out as described above. */
export const HAS_KNOWN_LAYOUT = process.arch.endsWith('64') && endianness() === 'LE'

/** A state of the file. */
export interface Meta {
  readonly pageBytes: number
  /** Of the tree of free pages. */
  readonly freeRoot: bigint
  /** Of the tree that holds what was put. */
  readonly mainRoot: bigint
  readonly entries: bigint
  readonly lastPage: bigint
  readonly transaction: bigint
}

/** A branch or leaf page that lies where it should, and whose nodes have places. */
export interface NodePage {
  readonly bytes: Buffer
  readonly isBranch: boolean
  /** Where the nodes begin; they may be damaged. */
  readonly nodes: readonly number[]
}

/** Where a large value lies. */
interface Overflow {
  readonly page: bigint
  readonly pages: bigint
}

export class PageFile {
  readonly size: number
  /** Both metas, in their order; undefined for one that is damaged. */
  readonly metas: readonly [Meta | undefined, Meta | undefined]
  readonly pageBytes: number
  readonly filePages: number
  readonly #file: FileHandle

  private constructor(file: FileHandle, size: number, metas: readonly [Meta | undefined, Meta | undefined]) {
    this.#file = file
    this.size = size
    this.metas = metas
    this.pageBytes = (metas[0] ?? metas[1])?.pageBytes ?? PAGE_BYTES_MAX
    this.filePages = Math.floor(size / this.pageBytes)
  }

  /** @returns undefined when there is no such file. Close it otherwise. */
  static async open(path: string): Promise<PageFile | undefined> {
    const file = await open(path, 'r').catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
      throw error
    })
    if (file === undefined) return undefined
    try {
      const { size } = await file.stat()
      return new PageFile(file, size, await readMetas(file))
    } catch (error) {
      await file.close()
      throw error
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  /** The metas that are not damaged, the one in force first. */
  get states(): readonly Meta[] {
    return this.metas.filter((meta) => meta !== undefined).sort((a, b) => Number(b.transaction - a.transaction))
  }

  /** The branch or leaf page of that number; undefined when it is not there. */
  async nodePage(number: bigint): Promise<NodePage | undefined> {
    if (number >= this.filePages) return undefined
    const bytes = await readAt(this.#file, Number(number) * this.pageBytes, this.pageBytes)
    if (bytes.length < this.pageBytes || bytes.readBigUInt64LE(0) !== number) return undefined
    const kind = bytes.readUInt16LE(18) & (PageFlag.BRANCH | PageFlag.LEAF)
    const lower = bytes.readUInt16LE(20)
    if ((kind !== PageFlag.BRANCH && kind !== PageFlag.LEAF) || lower % 2 !== 0) return undefined
    const end = PAGE_HEADER + lower
    if (end > bytes.length) return undefined
    const nodes: number[] = []
    for (let at = PAGE_HEADER; at < end; at += 2) nodes.push(PAGE_HEADER + bytes.readUInt16LE(at))
    return { bytes, isBranch: kind === PageFlag.BRANCH, nodes }
  }

  /** Whether the large value of a node, if it is one, lies within the file. */
  holdsValue(page: NodePage, node: number): boolean {
    if (node + NODE_HEADER > page.bytes.length) return false
    if ((page.bytes.readUInt16LE(node + 4) & NODE_IS_LARGE) === 0) return true
    const overflow = overflowOf(page.bytes, node)
    return overflow !== undefined && overflow.page + overflow.pages <= this.filePages
  }

  /**
   * The value of a node of a leaf, of its own memory; undefined when it is damaged.
   * @param claim is asked whether the pages of a large value may be its own.
   */
  async value(page: NodePage, node: number, claim: Claim): Promise<Buffer | undefined> {
    const { bytes } = page
    if (keyOf(page, node) === undefined) return undefined
    const length = bytes.readUInt32LE(node)
    const flags = bytes.readUInt16LE(node + 4)
    const data = node + NODE_HEADER + bytes.readUInt16LE(node + 6)
    if (flags === 0) return data + length > bytes.length ? undefined : Buffer.from(bytes.subarray(data, data + length))
    // Leveret's file has no sorted duplicates and no inner databases.
    const overflow = flags === NODE_IS_LARGE ? overflowOf(bytes, node) : undefined
    if (overflow === undefined || overflow.page + overflow.pages > this.filePages) return undefined
    const pages = BigInt(Math.ceil((PAGE_HEADER + length) / this.pageBytes))
    if (pages !== overflow.pages || !claim(overflow.page, overflow.pages)) return undefined
    const start = Number(overflow.page) * this.pageBytes
    const whole = await readAt(this.#file, start, PAGE_HEADER + length)
    if (whole.length < PAGE_HEADER + length || whole.readBigUInt64LE(0) !== overflow.page) return undefined
    if ((whole.readUInt16LE(18) & PageFlag.OVERFLOW) === 0) return undefined
    return whole.subarray(PAGE_HEADER)
  }
}

/** Takes pages for one use. @returns false when one of them is in use already. */
export type Claim = (page: bigint, pages: bigint) => boolean

/** The key of a node; undefined when it is damaged. */
export function keyOf({ bytes }: NodePage, node: number): Buffer | undefined {
  if (node + NODE_HEADER > bytes.length) return undefined
  const end = node + NODE_HEADER + bytes.readUInt16LE(node + 6)
  return end > bytes.length ? undefined : bytes.subarray(node + NODE_HEADER, end)
}

/** The page below a node of a branch; no page that exists when the node is damaged. */
export function childOf({ bytes }: NodePage, node: number): bigint {
  if (node + NODE_HEADER > bytes.length) return NO_PAGE
  return BigInt(bytes.readUInt32LE(node)) + (BigInt(bytes.readUInt16LE(node + 4)) << 32n)
}

function overflowOf(bytes: Buffer, node: number): Overflow | undefined {
  const data = node + NODE_HEADER + bytes.readUInt16LE(node + 6)
  if (data + OVERFLOW_OCTETS > bytes.length) return undefined
  return { page: bytes.readBigUInt64LE(data), pages: bytes.readBigUInt64LE(data + 16) }
}

/** The second meta lies a page behind the first, which knows how long a page is; if that is damaged, it is searched. */
async function readMetas(file: FileHandle): Promise<[Meta | undefined, Meta | undefined]> {
  const first = parseMeta(await readAt(file, 0, META_OCTETS))
  if (first !== undefined) return [first, parseMeta(await readAt(file, first.pageBytes, META_OCTETS))]
  for (let pageBytes = PAGE_BYTES_MIN; pageBytes <= PAGE_BYTES_MAX; pageBytes *= 2) {
    const second = parseMeta(await readAt(file, pageBytes, META_OCTETS))
    if (second?.pageBytes === pageBytes) return [undefined, second]
  }
  return [undefined, undefined]
}

function parseMeta(bytes: Buffer): Meta | undefined {
  if (bytes.length < META_OCTETS || (bytes.readUInt16LE(18) & PageFlag.META) === 0) return undefined
  if (bytes.readUInt32LE(24) !== MAGIC || (bytes.readUInt32LE(28) & 0xffff) !== LMDB_FORMAT) return undefined
  const pageBytes = bytes.readUInt32LE(48)
  const isPower = (pageBytes & (pageBytes - 1)) === 0
  if (pageBytes < PAGE_BYTES_MIN || pageBytes > PAGE_BYTES_MAX || !isPower) return undefined
  return {
    pageBytes,
    freeRoot: bytes.readBigUInt64LE(88),
    mainRoot: bytes.readBigUInt64LE(136),
    entries: bytes.readBigUInt64LE(128),
    lastPage: bytes.readBigUInt64LE(144),
    transaction: bytes.readBigUInt64LE(152),
  }
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}
