import { formatAmount } from "../lib/amount";

interface Props {
  /** Base units. */
  value: string | bigint;
  currency: string;
  /** Decimals shown at most; without it, all of them. */
  places?: number;
  className?: string;
}

/** An amount with its unit. Where decimals are left out, an ellipsis says so and the title has them. */
export function Amount({ value, currency, places, className }: Props) {
  const { digits, unit, cut } = formatAmount(value, currency, places);
  const exact = cut ? `${formatAmount(value, currency).digits} ${unit}` : undefined;
  return (
    <span className={className} title={exact}>
      {digits}
      {cut && !digits.includes("<") && "…"} <span className="font-normal text-muted">{unit}</span>
    </span>
  );
}
