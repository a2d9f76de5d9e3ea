/** The one thing of WebAssembly that is used here: the types of Node leave it out. */
declare const WebAssembly: { Memory: new (limits: { initial: number }) => { readonly buffer: ArrayBuffer } }

const WASM_PAGE_OCTETS = 65_536

/**
 * Memory that begins where a page of the system's memory does, as a file wants it that is read and written past the
 * system's cache. Node has no call for that; WebAssembly's memory is mapped by itself.
 * @returns undefined where there is none to be had, for a limit of address space.
 */
export function alignedMemory(octets: number): Buffer | undefined {
  try {
    const { buffer } = new WebAssembly.Memory({ initial: Math.ceil(octets / WASM_PAGE_OCTETS) })
    return Buffer.from(buffer, 0, octets)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return undefined
  }
}
