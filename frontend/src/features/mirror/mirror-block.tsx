import { useQuery } from "@tanstack/react-query";
import { Skeleton } from "../../ui/skeleton";
import { marketQuery, mirrorState } from "./queries";

const TONES = { current: "bg-positive", behind: "bg-caution", halted: "bg-danger" };

/** The block up to which these pages show the chain. */
export function MirrorBlock() {
  const { data, isError } = useQuery(marketQuery());
  if (!data) return isError ? <span className="text-sm text-danger">No answer</span> : <Skeleton className="my-0.5 h-4 w-24" />;
  const { mirror, chainId } = data;
  const tone = isError ? TONES.behind : TONES[mirrorState(mirror)];
  return (
    <span
      className="inline-flex items-center gap-2 text-sm whitespace-nowrap text-muted"
      title={`Chain ${chainId}. Read up to block ${mirror.blockNumber}, final up to block ${mirror.finalizedNumber}`}
    >
      <span aria-hidden="true" className={`size-2 rounded-xl ${tone}`} />
      Block {mirror.blockNumber.toLocaleString("en")}
    </span>
  );
}
