import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { NATIVE_COIN } from "../../lib/amount";
import { Amount } from "../../ui/amount";
import { Fact, Facts } from "../../ui/facts";
import { Loaded } from "../../ui/loaded";
import { Section } from "../../ui/section";
import { Skeleton } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { adviceQuery, type PriceAdvice } from "./queries";

/** What the pricing agent says the work is worth, how sure it is, and why. */
export function AdviceSection({ id }: { id: string }) {
  const query = useQuery(adviceQuery(id));
  const price = query.data?.price;
  return (
    <Section title="Advice on the price" note={price && `from all before ${price.provenance.day}`}>
      <Loaded query={query} skeleton={<Skeleton className="h-40" />}>
        {({ price }) =>
          price ? <Price price={price} /> : <Empty>The pricing agent has not looked at this work yet. It does within seconds of a registration or a sale.</Empty>
        }
      </Loaded>
    </Section>
  );
}

function Price({ price }: { price: PriceAdvice }) {
  return (
    <>
      <p className="text-xl font-semibold">
        <Coins value={price.fair} />
      </p>
      {price.abstains && <p className="mt-1 text-sm text-caution">Do not rely on it: {price.abstains}.</p>}
      <div className="mt-3">
        <Facts>
          <Fact name="80 in 100 sell">
            <Between {...price.range80} />
          </Fact>
          <Fact name="90 in 100 sell">
            <Between {...price.range90} />
          </Fact>
          <Fact name="Ask">
            <Coins value={price.suggestions.list} />
          </Fact>
          <Fact name="Accept at least">
            <Coins value={price.suggestions.reserve} />
          </Fact>
          <Fact name="Licence">
            <Coins value={price.suggestions.licence} />
          </Fact>
        </Facts>
      </div>
      <details className="mt-3 text-sm">
        <summary className="link min-h-6 w-fit">Why this price</summary>
        <Reasons price={price} />
      </details>
    </>
  );
}

function Reasons({ price }: { price: PriceAdvice }) {
  const { effects, comparables, rules, provenance } = price;
  return (
    <div className="mt-2 space-y-3">
      {comparables.length > 0 && (
        <Reason title="Compared with">
          {comparables.map((sale) => (
            <li key={`${sale.asset} ${sale.day}`}>
              <Link to="/assets/$id" params={{ id: sale.asset }} className="link">
                {sale.title ?? `Work ${sale.asset}`}
              </Link>
              , sold on {sale.day} for <Coins value={sale.price} />
            </li>
          ))}
        </Reason>
      )}
      {effects.length > 0 && (
        <Reason title="What moved it most">
          {effects.map((effect) => (
            <li key={effect.feature}>{effect.says}</li>
          ))}
        </Reason>
      )}
      <Reason title="Rules applied">
        {rules.map((rule) => (
          <li key={`${rule.place} ${rule.call}`} className="font-mono text-xs break-words">
            {rule.call} = {rule.result} <span className="text-muted">{rule.place}</span>
          </li>
        ))}
      </Reason>
      <p className="text-xs text-muted">
        Advice {provenance.id}. <span className="font-mono">tributary agents replay {provenance.id}</span> makes it again, to the last byte.{" "}
        <Link to="/track-record" className="link">
          How good advice was
        </Link>
      </p>
    </div>
  );
}

function Reason({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <h3 className="font-medium">{title}</h3>
      <ul className="mt-1 space-y-1">{children}</ul>
    </div>
  );
}

function Between({ low, high }: { low: string; high: string }) {
  return (
    <span>
      between <Coins value={low} /> and <Coins value={high} />
    </span>
  );
}

function Coins({ value }: { value: string }) {
  return <Amount value={value} currency={NATIVE_COIN} places={6} />;
}
