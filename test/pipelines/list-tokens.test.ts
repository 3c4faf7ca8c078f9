import { describe, expect, it } from 'vitest'
import { listTokens } from '../../src/pipelines/index.ts'
import { fixturePath } from '../support/fixtures.ts'

describe('the tokens of a prompt', () => {
  it('are told as text, in order, without start, end and padding', async () => {
    const tokens = await listTokens(fixturePath('models/sd15-tiny'), 'a red apple, please')
    expect(tokens.join('').replace(/\s/g, '')).toBe('aredapple,please')
    expect(tokens.length).toBeGreaterThan(1)
  })
})
