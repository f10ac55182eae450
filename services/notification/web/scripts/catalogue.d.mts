export function fromDocument(): Promise<unknown>;
