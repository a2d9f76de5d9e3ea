/** What a queue is, which decides what it keeps and what it can do. */
export type QueueType = 'classic' | 'quorum' | 'stream'
