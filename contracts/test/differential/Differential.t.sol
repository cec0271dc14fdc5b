// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Actions} from "../invariants/Actions.sol";
import {Journal} from "./Journal.sol";
import {Test} from "forge-std/Test.sol";

/// @notice Here and there the same: what these contracts log, from which the Rust mirror must rebuild the same state.
contract DifferentialTest is Test {
    string internal constant CHECKED_IN = "contracts/test/differential/scenario.txt";
    string internal constant WRITTEN = "contracts/cache/scenario.txt";
    uint256 internal constant STEPS = 1500;

    /// @dev The mirror's test reads what is checked in; RENEW=true writes it anew.
    function test_ScenarioIsCheckedIn() public {
        Journal journal = new Journal(WRITTEN);
        for (uint256 i; i < STEPS; ++i) {
            (bool ok,) = address(journal).call(Actions.call(i));
            ok;
        }
        journal.writeState();
        string memory written = vm.readFile(WRITTEN);
        if (vm.envOr("RENEW", false)) vm.writeFile(CHECKED_IN, written);
        bool same = keccak256(bytes(vm.readFile(CHECKED_IN))) == keccak256(bytes(written));
        assertTrue(same, "the scenario has changed: RENEW=true contracts/bin/forge test --match-contract Differential");
    }
}
