import { QueryClient } from "@tanstack/react-query";
import { ApiProblem } from "../api/problem";

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5000,
      // What was refused will be refused again; only a server that is away is asked twice more.
      retry: (failures, error) => failures < 2 && error instanceof ApiProblem && error.passing,
    },
  },
});
