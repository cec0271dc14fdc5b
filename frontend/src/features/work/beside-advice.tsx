import { useQuery } from "@tanstack/react-query";
import { parseBaseUnits } from "../../lib/amount";
import { standing } from "./price-words";
import { adviceQuery } from "./queries";

/** Where a price in ether stands beside the advice; nothing while there is none to rely on. */
export function BesideAdvice({ id, price }: { id: string; price: string }) {
  const advice = useQuery(adviceQuery(id)).data?.price;
  if (!advice || advice.abstains) return null;
  const { words, outside } = standing(parseBaseUnits(price), advice);
  return <p className={`-mt-2 mb-4 text-sm ${outside ? "text-caution" : "text-muted"}`}>{words}</p>;
}
