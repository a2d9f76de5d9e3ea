import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'

const ROOT = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** `store-process.ts` compiled, so that it can run as a process of its own, and be killed. */
export interface CompiledStore {
  /** What to give to `node`. */
  readonly program: string
  cleanUp(): Promise<void>
}

export async function compileStore(): Promise<CompiledStore> {
  const directory = await mkdtemp(join(tmpdir(), 'leveret-compiled-'))
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      outDir: directory,
      rootDir: ROOT,
      declaration: false,
      sourceMap: false,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: [],
    files: [join(ROOT, 'test/store/store-process.ts')],
  }
  await writeFile(join(directory, 'tsconfig.json'), JSON.stringify(config))
  await writeFile(join(directory, 'package.json'), JSON.stringify({ type: 'module' }))
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'junction')
  await run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', directory])
  return {
    program: join(directory, 'test/store/store-process.js'),
    cleanUp: () => rm(directory, { recursive: true, force: true }),
  }
}
