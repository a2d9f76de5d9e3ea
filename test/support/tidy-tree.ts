/** Reads the files of this repository for the tidy test. */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { SourceTree } from './tidy-rules.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What is installed or built. Git would know, but it need not be there where the tests run. */
const NOT_TRACKED = /^(\.git|node_modules|dist|coverage|\.venv|build|target|results|__pycache__)$|\.(log|tgz)$/

/** The files whose path `select` accepts, whatever was installed and built left out. */
export function readTree(select: (path: string) => boolean): SourceTree {
  return new Map([...pathsBelow('')].filter(select).map((path) => [path, readText(path)]))
}

/** One file of the repository, read as UTF-8. */
export function readText(path: string): string {
  return readFileSync(ROOT + path, 'utf8')
}

function* pathsBelow(folder: string): Generator<string> {
  for (const entry of readdirSync(ROOT + folder, { withFileTypes: true })) {
    if (NOT_TRACKED.test(entry.name)) continue
    if (entry.isDirectory()) yield* pathsBelow(`${folder}${entry.name}/`)
    else if (entry.isFile()) yield folder + entry.name
  }
}
