import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate as nextIteration } from 'node:timers/promises'
import { readIntoSharedBuffer } from '../connection/shared-read-buffer.js'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** How often a free port is tried that turns out to be taken on the next address. */
const FREE_PORT_TRIES = 20

/** The listening sockets of a broker: the same port on each of its addresses. */
export class Listeners {
  readonly #onSocket: (socket: Socket) => void
  #servers: Server[] = []
  #addresses: ListenAddress[] = []
  /** Sockets accepted while not all addresses are listened on: a broker that may yet not start serves nobody. */
  #early: Socket[] | undefined

  /** @param onSocket takes each accepted socket, which must not keep the chunks that it emits: see `readIntoSharedBuffer`. */
  constructor(onSocket: (socket: Socket) => void) {
    this.#onSocket = onSocket
  }

  get addresses(): readonly ListenAddress[] {
    return this.#addresses
  }

  /**
   * Listens on all of `hosts`, or on none.
   * @param port 0 takes one that is free on all of them.
   * @param skipsMissing leaves out addresses that the machine does not have, as long as one is left.
   * @throws the system's error, which names address and port.
   */
  async listen(hosts: readonly string[], port: number, skipsMissing: boolean): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#listenOnAll(hosts, port, skipsMissing)
      } catch (error) {
        for (const socket of this.#early ?? []) socket.destroy()
        await this.close()
        const mayTryAnother = port === 0 && codeOf(error) === 'EADDRINUSE' && attempt < FREE_PORT_TRIES
        if (!mayTryAnother) throw error
      }
    }
  }

  /** Stops listening. Accepted sockets are not touched. Idempotent. */
  async close(): Promise<void> {
    const servers = this.#servers
    this.#servers = []
    this.#addresses = []
    await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))))
    // Node says closed before libuv has let go of the handle, which it does at the end of an iteration.
    await nextIteration()
    await nextIteration()
  }

  #onAccepted(socket: Socket): void {
    if (!this.#early) return this.#onSocket(readIntoSharedBuffer(socket))
    socket.on('error', () => undefined)
    this.#early.push(socket)
  }

  async #listenOnAll(hosts: readonly string[], port: number, skipsMissing: boolean): Promise<void> {
    let missing: unknown
    this.#early = []
    for (const host of hosts) {
      try {
        // `::` alone takes IPv4 as well; beside 0.0.0.0 it must leave that to it.
        const takesIpv4 = host === '::' && !hosts.includes('0.0.0.0')
        await this.#listenOn(host, this.#addresses[0]?.port ?? port, takesIpv4)
      } catch (error) {
        if (!skipsMissing || !isMissingAddress(error)) throw error
        missing = error
      }
    }
    if (this.#addresses.length === 0) throw missing
    const early = this.#early
    this.#early = undefined
    for (const socket of early) if (!socket.destroyed) this.#onSocket(readIntoSharedBuffer(socket))
  }

  async #listenOn(host: string, port: number, takesIpv4: boolean): Promise<void> {
    // Not read yet: what comes goes into the memory that the next owner of the handle has chosen.
    const server = createServer({ pauseOnConnect: true }, (socket) => this.#onAccepted(socket))
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ host, port, ipv6Only: !takesIpv4 }, () => {
        server.off('error', reject)
        resolve()
      })
    })
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error(`listening on ${host} has no port`)
    this.#servers.push(server)
    this.#addresses.push({ host: address.address, port: address.port })
  }
}

function isMissingAddress(error: unknown): boolean {
  return codeOf(error) === 'EADDRNOTAVAIL' || codeOf(error) === 'EAFNOSUPPORT'
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
