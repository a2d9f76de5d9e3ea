/** What was stored is not what is read back. Nothing of it is handed out. The text is a sentence for the user. */
export class DamagedDataError extends Error {
  override readonly name: string = 'DamagedDataError'
}

/** A record of a queue, or the note of what is settled in it, does not match its checksum. */
export class DamagedRecordError extends DamagedDataError {
  override readonly name = 'DamagedRecordError'

  constructor(
    readonly queueId: number,
    readonly firstSeq: number,
    what: 'messages' | 'settled',
  ) {
    const part = what === 'messages' ? 'the messages' : 'the note of settled messages'
    super(`${part} stored for queue ${queueId} at ${firstSeq} cannot be read: the data file is damaged there`)
  }
}

/** A blob does not match its checksum. */
export class DamagedBlobError extends DamagedDataError {
  override readonly name = 'DamagedBlobError'

  constructor(readonly blobId: number) {
    super(`the message body stored as ${blobId} cannot be read: the data file is damaged there`)
  }
}

/** A definition does not match its checksum. */
export class DamagedDefinitionError extends DamagedDataError {
  override readonly name = 'DamagedDefinitionError'

  constructor(readonly definitionId: number) {
    super(`definition ${definitionId} cannot be read: the data file is damaged there`)
  }
}
