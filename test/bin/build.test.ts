import { execFile } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as sources from '../../src/index.js'
import { BuiltCommand } from '../server/cli-process.js'
import { readText } from '../support/tidy-tree.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** What the library loads of ours when its broker is in memory. */
const LIBRARY = ['src/broker.js', 'src/common.js', 'src/index.js', 'src/memory-store.js']

describe('the build', () => {
  let built: BuiltCommand
  let scratch = ''
  let notes = 0

  beforeAll(async () => {
    built = new BuiltCommand()
    scratch = await mkdtemp(join(tmpdir(), 'leveret-build-'))
  })

  afterAll(async () => {
    built.remove()
    await rm(scratch, { recursive: true })
  })

  /** Runs a program that finds the library under the name of `library`. @returns what it prints, as JSON. */
  async function run(program: string, environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
    const entry = JSON.stringify(pathToFileURL(join(built.folder, 'src/index.js')).href)
    const text = `const library = await import(${entry}); ${program}`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--enable-source-maps', '--input-type=module', '--eval', text],
      { env: { ...process.env, ...environment } },
    )
    return JSON.parse(stdout)
  }

  /** Has Node note each file that it imports. @returns the variables for that, and what reads the notes. */
  function notedImports() {
    const file = join(scratch, `imports-${++notes}`)
    const hooks = `
      import { appendFileSync } from 'node:fs'
      export async function load(url, context, next) {
        appendFileSync(${JSON.stringify(file)}, url + '\\n')
        return next(url, context)
      }`
    const register = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hooks))})`
    const read = async () => {
      const urls = (await readFile(file, 'utf8')).split('\n').filter((url) => url.startsWith('file:'))
      const paths = urls.map((url) => relative(built.folder, fileURLToPath(url)).replaceAll('\\', '/'))
      return {
        ours: [...new Set(paths.filter((path) => !path.startsWith('..')))].sort(),
        packages: paths.flatMap((path) => /^\.\.\/([\w-]+)\//.exec(path)?.[1] ?? []),
      }
    }
    return { environment: { NODE_OPTIONS: `--import ${dataUrl(register)}` }, read }
  }

  it('exports what the sources export', async () => {
    expect(await run('console.log(JSON.stringify(Object.keys(library)))')).toEqual(Object.keys(sources))
  })

  it('makes each file that the package names, of a source that has a declaration', () => {
    const { bin, exports, types } = JSON.parse(readText('package.json'))
    const { import: esm, require: commonJs } = exports['.']
    for (const path of [bin.leveret, esm.default, commonJs.default]) {
      expect(existsSync(join(built.folder, relative('dist', path))), path).toBe(true)
    }
    for (const path of [types, esm.types, commonJs.types]) {
      expect(() => readText(relative('dist', path).replace(/\.d\.(c?ts)$/, '.$1')), path).not.toThrow()
    }
  })

  it('starts on a disk with few files of ours, and no package that the start does not need', async () => {
    const imports = notedImports()
    const flags = ['--port', '0', '--bind', '127.0.0.1', '--data-dir', join(scratch, 'data')]
    const started = built.start(flags, imports.environment)
    await started.port()
    started.child.kill('SIGTERM')
    expect(await started.ended).toBe(0)
    const { ours, packages } = await imports.read()
    const stored = ['src/broker.js', 'src/common.js', 'src/lmdb-store.js', 'src/lmdb.js', 'src/start-broker.js']
    expect(ours).toEqual(['bin/leveret.js', ...stored])
    expect(packages).not.toContain('yargs')
    expect(packages).not.toContain('pino')
  })

  it('loads neither a store on disk nor native code for a library in memory', async () => {
    const imports = notedImports()
    const program = `
      const broker = await library.startBroker()
      await broker.stop()
      console.log(JSON.stringify(process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'))))`
    expect(await run(program, imports.environment)).toEqual([])
    expect(await imports.read()).toEqual({ ours: LIBRARY, packages: [] })
  })

  it('starts on a disk from a folder whose name would mean something else in a URL', async () => {
    const folder = join(scratch, 'c# %41')
    await cp(built.folder, folder, { recursive: true })
    for (const name of packagesOf('lmdb')) {
      await cp(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true })
    }
    const flags = ['--port', '0', '--bind', '127.0.0.1', '--data-dir', join(scratch, 'data of c#')]
    const started = built.start(flags, {}, folder)
    expect(await started.port()).toBeGreaterThan(0)
    started.child.kill('SIGTERM')
    expect(await started.ended).toBe(0)
  })

  it('tells its version without the broker and without a package', async () => {
    const imports = notedImports()
    const asked = built.start(['--version'], imports.environment)
    expect(await asked.ended).toBe(0)
    expect(asked.out).toBe(`${JSON.parse(readText('package.json')).version}\n`)
    expect(await imports.read()).toEqual({ ours: ['bin/leveret.js', 'src/common.js'], packages: [] })
  })

  it('declares types that hold in a program that checks the declarations of its libraries', async () => {
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
    const compile = (...flags: string[]) =>
      promisify(execFile)(process.execPath, [compiler, ...flags], { cwd: ROOT }).catch(({ stdout }) => {
        throw new Error(stdout)
      })
    await compile('-p', 'tsconfig.json', '--emitDeclarationOnly', '--outDir', built.folder)
    const user = join(built.folder, 'user.mts')
    await writeFile(user, "import { startBroker } from './src/index.js'\nconst { port } = await startBroker()\n")
    await compile('--ignoreConfig', '--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', user)
  })

  it('names functions and sources in its stack traces', async () => {
    const program = `
      const { stack } = await library.startBroker({ prot: 1 }).catch((error) => error)
      console.log(JSON.stringify(stack))`
    expect(await run(program)).toMatch(/at checkNames \(.*[\\/]src[\\/]server[\\/]options\.ts:\d+:\d+\)/)
  })
})

/** A package and all that it needs, as far as it is installed: the native code is for one platform only. */
function packagesOf(name: string): string[] {
  const folder = join(ROOT, 'node_modules', name)
  if (!existsSync(folder)) return []
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return [name, ...Object.keys({ ...dependencies, ...optionalDependencies }).flatMap(packagesOf)]
}

const dataUrl = (program: string) => `data:text/javascript,${encodeURIComponent(program)}`
