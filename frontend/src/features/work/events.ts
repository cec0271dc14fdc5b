/** What happened to a work. The API gives each event's details as free JSON; here they are read, field by field. */
export type WorkEvent =
  | { event: "registered"; registrant: string; royaltyBps: number }
  | { event: "sold"; seller: string; buyer: string; currency: string; price: string; fee: string; royalty: string; net: string }
  | { event: "transferred"; from: string; to: string }
  | { event: "income"; payer: string; currency: string; amount: string; reason: string }
  | { event: "royalty_lowered"; royaltyBps: number }
  | { event: "cid_updated"; cid: string }
  /** One this page does not know, or that lacks what it should have. */
  | { event: "other"; name: string };

export function parseEvent(event: string, details: unknown): WorkEvent {
  return read(event, new Details(details)) ?? { event: "other", name: words(event) };
}

interface Told {
  txHash: string;
  event: WorkEvent;
}

/** Whether an event is the change of hands that the sale told just before it (newest first) speaks of already. */
export function toldBySale(before: Told | undefined, { txHash, event }: Told): boolean {
  return (
    event.event === "transferred" &&
    before?.event.event === "sold" &&
    before.txHash === txHash &&
    before.event.seller === event.from &&
    before.event.buyer === event.to
  );
}

function read(event: string, details: Details): WorkEvent | undefined {
  try {
    switch (event) {
      case "registered":
        return { event, registrant: details.text("registrant"), royaltyBps: details.whole("royaltyBps") };
      case "sold":
        return {
          event,
          seller: details.text("seller"),
          buyer: details.text("buyer"),
          currency: details.text("currency"),
          price: details.amount("price"),
          fee: details.amount("fee"),
          royalty: details.amount("royalty"),
          net: details.amount("net"),
        };
      case "transferred":
        return { event, from: details.text("from"), to: details.text("to") };
      case "income":
        return {
          event,
          payer: details.text("payer"),
          currency: details.text("currency"),
          amount: details.amount("amount"),
          reason: reasonWords(details.text("reason")),
        };
      case "royalty_lowered":
        return { event, royaltyBps: details.whole("royaltyBps") };
      case "cid_updated":
        return { event, cid: details.text("cid") };
      default:
        return undefined;
    }
  } catch (error) {
    // It is shown by its name alone: what it lacks is not guessed.
    if (error instanceof MissingField) return undefined;
    throw error;
  }
}

class MissingField extends Error {}

class Details {
  readonly #fields: Record<string, unknown>;

  constructor(details: unknown) {
    this.#fields = typeof details === "object" && details !== null ? { ...details } : {};
  }

  text(name: string): string {
    const value = this.#fields[name];
    if (typeof value !== "string") throw new MissingField(name);
    return value;
  }

  amount(name: string): string {
    const value = this.text(name);
    if (!/^\d+$/.test(value)) throw new MissingField(name);
    return value;
  }

  whole(name: string): number {
    const value = this.#fields[name];
    if (typeof value !== "number" || !Number.isInteger(value)) throw new MissingField(name);
    return value;
  }
}

/** Reasons are short words; one that is a bare hash says nothing to a reader. */
function reasonWords(reason: string): string {
  return reason.startsWith("0x") ? "" : reason.replaceAll("_", " ").toLowerCase();
}

function words(event: string): string {
  const text = event.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
