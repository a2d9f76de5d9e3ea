import type { Socket } from 'node:net'

/** What Node does not declare of the handle that it works a socket with. */
interface Handle {
  readonly fd: number
  reading: boolean
  close(callback?: () => void): void
  reset(callback?: () => void): number
  readStart(): number
}

/**
 * Keeps a socket's file descriptor as it is while another thread reads from it.
 *
 * The number of a descriptor that is closed goes to the next connection, so that a thread which still holds it would read
 * another client's octets. Node closes it by `close` and `reset` of the handle, and by nothing else while JavaScript
 * runs: libuv never does so by itself, also not when the peer is gone. Both are put off here until the descriptor is
 * let go of, and so is `readStart`, since two readers of one socket would mix up its octets.
 *
 * A thread that ends closes its handles without JavaScript. Of the main thread's end nobody is left to open anything; a
 * worker thread must not hold descriptors.
 */
export class DescriptorHold {
  readonly #handle: Handle
  #isHeld = false
  /** What closes the descriptor, as soon as it is let go of. */
  #end: (() => void) | undefined

  private constructor(handle: Handle) {
    const { close, reset, readStart } = handle
    this.#handle = handle
    handle.close = (callback) => this.#whenLetGo(() => close.call(handle, callback))
    handle.reset = (callback) => {
      if (!this.#isHeld) return reset.call(handle, callback)
      this.#whenLetGo(() => {
        if (reset.call(handle, callback) !== 0) close.call(handle, callback)
      })
      return 0
    }
    handle.readStart = () => {
      if (!this.#isHeld) return readStart.call(handle)
      // Node has noted that it reads, and would not try again.
      handle.reading = false
      return 0
    }
  }

  /** @returns undefined where there is no descriptor to be held, as on Windows. */
  static of(socket: Socket): DescriptorHold | undefined {
    // Not declared by Node: see `readIntoSharedBuffer`, which gives a socket its handle.
    const handle: unknown = Reflect.get(socket, '_handle')
    return isHandle(handle) ? new DescriptorHold(handle) : undefined
  }

  /** @returns the descriptor, open until `letGo`; undefined when it is closed, or the socket reads by itself. */
  hold(): number | undefined {
    const { fd, reading } = this.#handle
    if (fd < 0 || reading || this.#isHeld) return undefined
    this.#isHeld = true
    return fd
  }

  /** To be called when the other thread is done, whatever has become of the socket meanwhile. */
  letGo(): void {
    this.#isHeld = false
    const end = this.#end
    this.#end = undefined
    end?.()
  }

  #whenLetGo(end: () => void): void {
    if (this.#isHeld) this.#end ??= end
    else end()
  }
}

function isHandle(handle: unknown): handle is Handle {
  if (typeof handle !== 'object' || handle === null) return false
  const fd: unknown = Reflect.get(handle, 'fd')
  return typeof fd === 'number' && fd >= 0 && ['close', 'reset', 'readStart'].every((name) => isMethod(handle, name))
}

function isMethod(target: object, name: string): boolean {
  return typeof Reflect.get(target, name) === 'function'
}
