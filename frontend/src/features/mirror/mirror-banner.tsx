import { onlineManager, useQuery } from "@tanstack/react-query";
import { useSyncExternalStore, type ReactNode } from "react";
import { Column } from "../../ui/page";
import { Time } from "../../ui/time";
import { marketQuery, mirrorState } from "./queries";

/** Says when what the pages show is not the newest: offline, no answer, behind the chain, or stopped. */
export function MirrorBanner() {
  const { data, error, dataUpdatedAt } = useQuery(marketQuery());
  const online = useSyncExternalStore(
    (changed) => onlineManager.subscribe(changed),
    () => onlineManager.isOnline(),
  );
  const asOf = data && (
    <>
      What you see is as of block {data.mirror.blockNumber.toLocaleString("en")}, read <Time at={new Date(dataUpdatedAt)} />.
    </>
  );
  if (!online) return <Banner tone="caution">You are offline. {asOf}</Banner>;
  if (error) return <Banner tone="caution">{error.message} Trying again. {asOf}</Banner>;
  if (!data) return null;
  const { mirror } = data;
  switch (mirrorState(mirror)) {
    case "current":
      return null;
    case "behind":
      return (
        <Banner tone="caution">
          Catching up with the chain, which is at block {mirror.headNumber.toLocaleString("en")}. {asOf}
        </Banner>
      );
    case "halted":
      return (
        <Banner tone="danger">
          Reading the chain has stopped until an operator decides: {mirror.halted}. {asOf}
        </Banner>
      );
  }
}

function Banner({ tone, children }: { tone: "caution" | "danger"; children: ReactNode }) {
  const colours = tone === "danger" ? "border-danger text-danger" : "border-caution text-caution";
  return (
    <div role="status" className={`border-b bg-surface ${colours}`}>
      <Column className="py-2 text-sm">{children}</Column>
    </div>
  );
}
