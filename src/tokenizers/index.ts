export { type ExtraToken, loadTokenizer, type TokenizerOptions } from './load-tokenizer.ts'
export { TextTokenizer, type TokenizedText } from './text-tokenizer.ts'
