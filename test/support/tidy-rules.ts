/** The rules that the tree itself must keep. Each checker is pure and returns complaints, one sentence each. */

import { posix } from 'node:path'

/** Source text by path from the root of the repository, with forward slashes. */
export type SourceTree = ReadonlyMap<string, string>

interface Layer {
  /** Folders of `src/` that it may import, besides itself. */
  readonly folders: readonly string[]
  /** Packages and Node modules that it may import; `node:*` is every module of Node. */
  readonly packages: readonly string[]
  /** Whether it may use the timers and clocks of the process, beside `Clock`. */
  readonly ownsTime?: boolean
  readonly readsEnvironment?: boolean
}

const EVERY_FOLDER = ['base', 'protocol', 'store', 'auth', 'broker', 'channel', 'connection', 'management', 'server']

/** The layers by folder. The longest folder that a path lies in decides: `store/lmdb` goes before `store`. */
const LAYERS: Readonly<Record<string, Layer>> = {
  base: { folders: [], packages: [], ownsTime: true },
  protocol: { folders: ['base'], packages: ['bitsyntax', 'node:buffer', 'node:module'] },
  store: { folders: ['base'], packages: [] },
  'store/lmdb': { folders: ['base', 'store'], packages: ['lmdb', 'node:*'], ownsTime: true },
  'store/memory': { folders: ['base', 'store'], packages: [] },
  auth: { folders: ['base', 'store'], packages: ['node:crypto', 'node:net'] },
  broker: { folders: ['base', 'protocol', 'store'], packages: ['node:crypto'] },
  channel: { folders: ['base', 'protocol', 'auth', 'broker'], packages: [] },
  connection: {
    folders: ['base', 'protocol', 'auth', 'broker', 'channel'],
    packages: ['node:net', 'node:tls', 'node:util'],
  },
  management: { folders: ['base', 'auth', 'broker'], packages: ['fastify', 'node:*'] },
  server: {
    folders: [...EVERY_FOLDER, 'store/lmdb', 'store/memory'],
    packages: ['pino', 'yargs', 'node:*'],
    ownsTime: true,
    readsEnvironment: true,
  },
}

/** An import points down, a package is known to one layer, and time and environment come from above. */
export function layerComplaints(sources: SourceTree): string[] {
  return [...sources].flatMap(([path, text]) => {
    const folder = layerOf(path)
    if (folder === undefined) return []
    const layer = LAYERS[folder]
    if (layer === undefined) return [`${path} lies in no layer: add its folder to the table of layers`]
    const imports = importedBy(text).flatMap((specifier) => importComplaint(path, specifier, folder, layer) ?? [])
    return [...imports, ...globalComplaints(path, withoutComments(text), layer)]
  })
}

function importComplaint(path: string, specifier: string, folder: string, layer: Layer): string | undefined {
  const target = resolveImport(path, specifier)
  if (target === undefined) {
    const isAllowed = layer.packages.some(
      (name) => name === specifier || (name === 'node:*' && specifier.startsWith('node:')),
    )
    return isAllowed ? undefined : `${path} imports ${specifier}, which ${folder} may not`
  }
  const targetFolder = layerOf(target)
  if (targetFolder === folder || (targetFolder !== undefined && layer.folders.includes(targetFolder))) return undefined
  return `${path} imports ${target}, which ${folder} may not`
}

const TIME = /\b(setTimeout|setInterval|setImmediate|queueMicrotask|performance\.now|Date\.now|new Date)\b/

function globalComplaints(path: string, code: string, layer: Layer): string[] {
  const complaints: string[] = []
  const time = TIME.exec(code)?.[1]
  if (time !== undefined && layer.ownsTime !== true) complaints.push(`${path} uses ${time}: ask a Clock or the Turn`)
  if (/\bprocess\.env\b/.test(code) && layer.readsEnvironment !== true) complaints.push(`${path} reads process.env`)
  return complaints
}

/** The layer of a path below `src/`; undefined for what is no layer: bin, the entries, tests. */
function layerOf(path: string): string | undefined {
  const [root, first, second, third] = path.split('/')
  if (root !== 'src' || first === undefined || second === undefined) return undefined
  const nested = `${first}/${second}`
  return third !== undefined && nested in LAYERS ? nested : first
}

/** No two files need each other, not even for a type: what belongs together lies together. */
export function cycleComplaints(sources: SourceTree): string[] {
  const complaints: string[] = []
  const finished = new Set<string>()
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path))
      complaints.push(`import cycle: ${[...trail.slice(trail.indexOf(path)), path].join(' -> ')}`)
    if (finished.has(path) || trail.includes(path)) return
    for (const target of neighbours(path, sources)) visit(target, [...trail, path])
    finished.add(path)
  }
  for (const path of sources.keys()) visit(path, [])
  return complaints
}

/** Every source file is reached from one of the roots by imports. Declaration files describe packages and are exempt. */
export function deadFileComplaints(sources: SourceTree, roots: readonly string[]): string[] {
  const reached = new Set<string>()
  const visit = (path: string): void => {
    if (reached.has(path)) return
    reached.add(path)
    for (const target of neighbours(path, sources)) visit(target)
  }
  for (const root of roots) visit(root)
  return [...sources.keys()]
    .filter((path) => !path.endsWith('.d.ts') && !reached.has(path))
    .map((path) => `${path} is imported by nothing that is shipped`)
}

/** Each relative import leads to a file. */
export function danglingComplaints(sources: SourceTree): string[] {
  return [...sources].flatMap(([path, text]) =>
    importedBy(text)
      .map((specifier) => resolveImport(path, specifier))
      .filter((target) => target?.startsWith('src/') === true && !sources.has(target))
      .map((target) => `${path} imports ${target}, which does not exist`),
  )
}

const AMQP_WORD =
  /amqp|rabbit|exchange|queue|channel|consumer|publisher|vhost|prefetch|deliver(?:y|ies)|(?:routing|binding)Key/i

/** `base` knows nothing of AMQP; a comment may say what its neighbours use it for. */
export function vocabularyComplaints(sources: SourceTree): string[] {
  return [...sources]
    .filter(([path]) => path.startsWith('src/base/'))
    .flatMap(([path, text]) => {
      const word = AMQP_WORD.exec(withoutComments(text))?.[0]
      return word === undefined ? [] : [`${path} says '${word}', a word of AMQP`]
    })
}

/** Homes and work directories of some machine. The examples of the tests live in the home of a certain joe. */
const MACHINE_PATH = /(?<![\w.~:/-])\/(?:home\/(?!joe\b)|Users\/(?!joe\b)|root\/|work\/|workspace\/|tmp\/)[\w.-]+/

/** Nothing in the tree depends on where it was written. @param files any text file of the repository. */
export function machinePathComplaints(files: SourceTree): string[] {
  return [...files].flatMap(([path, text]) =>
    text.split('\n').flatMap((line, index) => {
      const found = MACHINE_PATH.exec(line)?.[0]
      return found === undefined ? [] : [`${path}:${index + 1} names a path of some machine: ${found}`]
    }),
  )
}

/** `conformance/` talks TCP like any client, so it must not reach into the broker. */
export function conformanceComplaints(sources: SourceTree): string[] {
  return [...sources].flatMap(([path, text]) =>
    importedBy(text)
      .map((specifier) => resolveImport(path, specifier))
      .filter((target) => target !== undefined && /^(dist\/)?src\//.test(target))
      .map((target) => `${path} imports ${target}`),
  )
}

/** Files that a generator writes are committed as it writes them now, and there are no others beside them. */
export function generatedComplaints(expected: SourceTree, committed: SourceTree): string[] {
  const stale = [...expected].filter(([path, text]) => committed.get(path) !== text).map(([path]) => path)
  const strangers = [...committed.keys()].filter((path) => !expected.has(path))
  return [
    ...stale.map((path) => `${path} is not what the generator writes: npm run generate`),
    ...strangers.map((path) => `${path} is not written by the generator`),
  ]
}

/** One version is told everywhere: by the package, at run time and in the changelog. */
export function versionComplaints(packageVersion: string, sourceVersion: string, changelog: string): string[] {
  const complaints: string[] = []
  if (sourceVersion !== packageVersion)
    complaints.push(`version.ts says ${sourceVersion}, package.json ${packageVersion}`)
  const headings = [...changelog.matchAll(/^## (.*)$/gm)].map(([, heading]) => heading ?? '')
  if (!(headings[0] ?? '').includes(packageVersion)) {
    complaints.push(`the first heading of CHANGELOG.md does not name version ${packageVersion}`)
  }
  return complaints
}

function neighbours(path: string, sources: SourceTree): string[] {
  return importedBy(sources.get(path) ?? '')
    .map((specifier) => resolveImport(path, specifier))
    .filter((target): target is string => target !== undefined && sources.has(target))
}

/** The path of the source file behind a relative import; undefined for a package. */
function resolveImport(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined
  const path = posix.join(posix.dirname(from), specifier)
  const isScript = /\.(py|mjs|jsx?)$/.test(from) || path.startsWith('spec/')
  return isScript ? path : path.replace(/\.js$/, '.ts').replace(/\.cjs$/, '.cts')
}

const IMPORT_FORMS = [
  /\b(?:import|export)\b[^'";=()]*?\bfrom\s*['"]([^'"]+)['"]/g,
  /\bimport\s*['"]([^'"]+)['"]/g,
  /(?<![.#\w])(?:import|require)\(\s*['"]([^'"]+)['"]/g,
]

/** What a file imports, for values or for types, at the start or while it runs. */
export function importedBy(text: string): string[] {
  const code = withoutComments(text)
  return IMPORT_FORMS.flatMap((form) => [...code.matchAll(form)].map(([, specifier]) => specifier ?? ''))
}

const STRINGS_AND_COMMENTS = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g

function withoutComments(text: string): string {
  return text.replace(STRINGS_AND_COMMENTS, (found) => (found.startsWith('/') ? '' : found))
}
