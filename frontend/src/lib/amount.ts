/** Amounts are decimal strings of base units. They stay whole numbers (bigint) all the way to the text on the screen. */

export const NATIVE_COIN = "0x0000000000000000000000000000000000000000";
/** The only currency whose name and decimals are known here. */
const COIN = { name: "Ether", symbol: "ETH", decimals: 18 };

export interface AmountText {
  /** Digits with a decimal point and thousands separators. */
  digits: string;
  unit: string;
  /** Whether digits after the last shown were dropped. */
  cut: boolean;
}

/** What is known of a currency, or undefined for a token of which nothing is known here. */
function currencyOf(address: string): typeof COIN | undefined {
  return address.toLowerCase() === NATIVE_COIN ? COIN : undefined;
}

/** What a currency is called, or undefined for a token that is known by its address alone. */
export function currencyName(address: string): string | undefined {
  return currencyOf(address)?.name;
}

/** Reads an amount as the API writes it. Throws at anything else: `BigInt` alone would take an empty text for zero. */
export function parseBaseUnits(text: string): bigint {
  if (!/^-?\d+$/.test(text)) throw new SyntaxError(`\`${text}\` is not an amount in base units`);
  return BigInt(text);
}

/**
 * Formats base units, dropping decimals after `places` (rounding towards zero, so that nothing looks like more than it is).
 * An amount above zero that would show as 0 becomes `<0.000001`.
 */
export function formatUnits(baseUnits: string | bigint, decimals: number, places = decimals): { digits: string; cut: boolean } {
  const value = typeof baseUnits === "bigint" ? baseUnits : parseBaseUnits(baseUnits);
  const negative = value < 0n;
  const magnitude = negative ? -value : value;
  const scale = 10n ** BigInt(decimals);
  const fraction = (magnitude % scale).toString().padStart(decimals, "0").slice(0, decimals);
  const kept = fraction.slice(0, places).replace(/0+$/, "");
  const cut = /[1-9]/.test(fraction.slice(places));
  const whole = group((magnitude / scale).toString());
  if (cut && whole === "0" && kept === "") {
    return { digits: `${negative ? "-" : ""}<${places === 0 ? "1" : `0.${"1".padStart(places, "0")}`}`, cut };
  }
  return { digits: `${negative ? "-" : ""}${whole}${kept && `.${kept}`}`, cut };
}

/** An amount of a currency, with its unit. Tokens with unknown decimals are shown in base units. */
export function formatAmount(baseUnits: string | bigint, currency: string, places?: number): AmountText {
  const known = currencyOf(currency);
  if (!known) return { ...formatUnits(baseUnits, 0), unit: `units of ${currency.slice(0, 6)}…${currency.slice(-4)}` };
  return { ...formatUnits(baseUnits, known.decimals, places), unit: known.symbol };
}

function group(digits: string): string {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}
