/**
 * One user message as Qwen3's chat template writes it, with the answer begun. Without thinking, the template closes the
 * model's thoughts at once.
 */
export function writeQwen3Chat(message: string, { thinking }: { thinking: boolean }): string {
  const answer = thinking ? '' : '<think>\n\n</think>\n\n'
  return `<|im_start|>user\n${message}<|im_end|>\n<|im_start|>assistant\n${answer}`
}
