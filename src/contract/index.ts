export type * from './image-backend.ts'
export type * from './image-request.ts'
export type * from './image-result.ts'
export type * from './progress.ts'
