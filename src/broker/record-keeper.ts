/** Whoever has records in the store beside the queues, under an id of its own. */
export interface RecordKeeper {
  /** Takes note of a stored record. In order, before anything else. */
  restore(seq: number, label: Uint8Array): void
  /** Called when every record is noted: reads what has to be in memory. */
  restored(): Promise<void>
}
