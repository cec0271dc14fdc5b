import { useQuery } from "@tanstack/react-query";
import { currencyName } from "../../lib/amount";
import { count } from "../../lib/share";
import { AddressLink } from "../../ui/address-link";
import { Amount } from "../../ui/amount";
import { Loaded } from "../../ui/loaded";
import { PageTitle } from "../../ui/page";
import { Section } from "../../ui/section";
import { SkeletonRows } from "../../ui/skeleton";
import { Empty } from "../../ui/states";
import { Time } from "../../ui/time";
import { booksQuery, type Books, type CurrencyBooks } from "./queries";

/** Where every unit that was ever paid in is now, and that the contracts hold what they must. */
export function BooksPage() {
  const query = useQuery(booksQuery());
  return (
    <div className="max-w-4xl py-8">
      <PageTitle>The books</PageTitle>
      <h1 className="text-2xl font-semibold sm:text-3xl">The books</h1>
      <p className="mt-2 mb-6 text-muted">Where everything that was ever paid into the pot is now, by double entry, compared with what the contracts hold.</p>
      <Loaded query={query} skeleton={<SkeletonRows rows={3} className="h-21" />}>
        {(books) => (
          <>
            <State books={books} />
            {books.currencies.length === 0 ? (
              <Empty>Nothing was paid in so far.</Empty>
            ) : (
              books.currencies.map((each) => <Currency key={each.currency} books={each} />)
            )}
          </>
        )}
      </Loaded>
    </div>
  );
}

function State({ books }: { books: Books }) {
  const { balanced, faults, checkedAt, blockNumber } = books;
  if (!checkedAt || blockNumber == null) return <p className="mb-8">They were not checked yet; the first check comes within minutes.</p>;
  return (
    <div role="status" className="mb-8">
      <p>
        {balanced ? (
          <span className="font-medium text-positive">Balanced</span>
        ) : (
          <span className="font-medium text-danger">{count(faults.length, "fault")}: distributions in these currencies are stopped</span>
        )}{" "}
        <span className="text-muted">
          as of block {blockNumber.toLocaleString("en")}, checked <Time at={checkedAt} />
        </span>
      </p>
      {faults.length > 0 && (
        <ul className="mt-3 grid gap-2">
          {faults.map(({ currency, rule, detail }, place) => (
            <li key={place} className="border-l-2 border-danger pl-3 text-sm">
              It should hold that {rule}: <span className="font-mono text-xs break-all">{detail}</span>
              <span className="block text-muted">
                <CurrencyName currency={currency} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function Currency({ books }: { books: CurrencyBooks }) {
  const { currency, income, undistributed, payable, reserved, carried, paid, pot, held, fees, gas, treasuryReserve } = books;
  const called = currencyName(currency);
  const parts = [
    { name: "Claimed", value: paid },
    { name: "To be claimed", value: payable },
    { name: "Reserved for those without an address", value: reserved },
    { name: "Below the least payout", value: carried },
    { name: "Not divided yet", value: undistributed },
  ];
  return (
    <Section title={called ?? "Token"} note={called ? undefined : <AddressLink address={currency} />}>
      <dl>
        <Line name="Paid in, in all" value={income} currency={currency} strong />
        {parts.map(({ name, value }, place) => (
          <Line key={name} name={name} sign={place === 0 ? "=" : "+"} value={value} currency={currency} />
        ))}
      </dl>
      <dl className="mt-4 border-t border-line pt-2">
        <Line name="The contracts must hold" value={pot} currency={currency} />
        {held == null ? (
          <p className="py-1 text-sm text-caution">The token does not say what they hold.</p>
        ) : (
          <Line name="They hold" value={held} currency={currency} strong />
        )}
      </dl>
      <dl className="mt-4 border-t border-line pt-2">
        <Line name="Protocol fees" value={fees} currency={currency} />
        {gas !== "0" && <Line name="Gas of the engine" sign="−" value={gas} currency={currency} />}
        <Line name="Treasury reserve, half of the profit" value={treasuryReserve} currency={currency} />
      </dl>
    </Section>
  );
}

function Line({ name, sign, value, currency, strong }: { name: string; sign?: string; value: string; currency: string; strong?: boolean }) {
  return (
    <div className="flex flex-wrap items-baseline justify-between gap-x-4 py-1">
      <dt className="text-sm text-muted">{name}</dt>
      <dd className={strong ? "font-medium" : ""}>
        {sign && (
          <span aria-hidden="true" className="mr-2 text-muted">
            {sign}
          </span>
        )}
        <Amount value={value} currency={currency} />
      </dd>
    </div>
  );
}

function CurrencyName({ currency }: { currency: string }) {
  return currencyName(currency) ?? <AddressLink address={currency} />;
}
