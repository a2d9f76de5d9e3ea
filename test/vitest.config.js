/** How the tests run: see "Tests" in README.md. `SEED=n` gives random tests other values than those of every day. */
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: { dir: 'test', testTimeout: 20_000, setupFiles: ['test/support/seed.ts'] },
})
