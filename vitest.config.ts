import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // onnxruntime-node may not be torn down inside a worker thread, so each test file gets a process.
    globalSetup: ['test/support/unpack-fixtures.ts', 'test/support/temporary-files.ts'],
    reporters: ['default', ['json', { outputFile: 'node_modules/.cache/test-report.json' }]],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A poll ends when its claim is true; the limit only bounds a failure, and must hold on a busy machine.
    expect: { poll: { timeout: 30_000 } },
  },
})
