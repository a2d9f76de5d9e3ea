/**
 * What `npm run build` makes of the sources: a few files in place of 240, since Node takes longer to find and load that many
 * than to run them. What is loaded on demand stays apart, and functions keep their names.
 *
 *     node bin/bundle.js [folder]          into dist otherwise
 */
import { fileURLToPath } from 'node:url'
import { build } from 'rolldown'

const [, , dir = 'dist'] = process.argv

const common = { cwd: fileURLToPath(new URL('..', import.meta.url)), platform: 'node' }

/** Comments are for readers of the sources, which the maps lead to. */
const output = { dir, comments: false, sourcemap: true, sourcemapExcludeSources: true }

/** A group takes the modules that match, and whatever these import at once. The highest priority chooses first. */
const groups = [
  { name: 'common', test: /\/src\/(base\/|server\/(option-table|logging|cli\/tool-commands)\.ts$)/, priority: 3 },
  { name: 'broker', test: /\/src\/(server\/start-broker|store\/[\w-]+)\.ts$/, priority: 2 },
  { name: 'lmdb', test: /\/src\/store\/lmdb\/lmdb-store\.ts$/, priority: 1 },
]

await build([
  {
    ...common,
    input: { 'bin/leveret': 'bin/leveret.ts', 'src/index': 'src/index.ts' },
    external: /^[a-z]/, // Node's modules, and packages: those are where npm has put them.
    output: { ...output, chunkFileNames: 'src/[name].js', codeSplitting: { groups }, minifyInternalExports: false },
  },
  {
    ...common,
    input: { 'src/index-commonjs': 'src/index-commonjs.cts' },
    external: './index.js', // The library itself, in the same folder.
    makeAbsoluteExternalsRelative: false,
    checks: { commonJsVariableInEsm: false }, // TypeScript writes CommonJS with `import` and `export`.
    output: { ...output, format: 'cjs', entryFileNames: '[name].cjs' },
  },
])
