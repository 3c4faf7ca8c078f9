import { type ListedFile, listFiles } from './list-files.ts'

/** The super-resolution graphs of a folder and the folders in it, by the names that requests use; a folder that is not there has none. */
export async function listUpscalers(folder: string): Promise<ListedFile[]> {
  return await listFiles(folder, '.onnx')
}
