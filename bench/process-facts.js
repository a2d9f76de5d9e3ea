// What the operating system says about a broker's process. Linux only; elsewhere the answers are undefined.
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'

/** The process that listens on a TCP port of this machine, or undefined when that cannot be told. */
export function listenerOf(port) {
  try {
    const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => listeningSockets(file, port))
    return readdirSync('/proc')
      .filter(isNumber)
      .map(Number)
      .find((pid) => holdsSocket(pid, sockets))
  } catch {
    return undefined
  }
}

const isNumber = (name) => /^\d+$/.test(name)

function listeningSockets(file, port) {
  const LISTEN = '0A'
  const rows = readFileSync(file, 'latin1').trim().split('\n').slice(1)
  return rows
    .map((row) => row.trim().split(/\s+/))
    .filter((columns) => columns[3] === LISTEN && Number.parseInt(columns[1].split(':')[1], 16) === port)
    .map((columns) => `socket:[${columns[9]}]`)
}

function holdsSocket(pid, sockets) {
  try {
    const folder = `/proc/${pid}/fd`
    return readdirSync(folder).some((descriptor) => sockets.includes(readlinkSync(`${folder}/${descriptor}`)))
  } catch {
    return false // another user's process, or one that ended meanwhile
  }
}

/**
 * Resident memory in MB: now, at its peak, and the anonymous part, which excludes mapped files.
 * @returns {{ now: number, peak: number, anonymous: number } | undefined}
 */
export function memoryOf(pid) {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const megabytes = (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024
    return { now: megabytes('VmRSS'), peak: megabytes('VmHWM'), anonymous: megabytes('RssAnon') }
  } catch {
    return undefined
  }
}

/** Lets the peak start again from what is resident now. */
export function forgetPeak(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
  } catch {
    // Not ours to write: the peak is then that of the process's whole life.
  }
}

/** Processor seconds that the process has used, all its threads together. */
export function processorSecondsOf(pid) {
  try {
    const TICKS_A_SECOND = 100 // USER_HZ, the same on each Linux
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /, '')
      .split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
  } catch {
    return undefined
  }
}
