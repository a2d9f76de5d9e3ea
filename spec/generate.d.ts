/** The generated files of src/protocol/generated as name and text. @param spec amqp0-9-1.json, parsed. */
export function generate(spec: unknown): Map<string, string>
