// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Actions} from "../invariants/Actions.sol";
import {Journal} from "./Journal.sol";
import {Test} from "forge-std/Test.sol";

/// @notice What these contracts log in a long scenario. The Rust mirror (indexer/src/scenario.rs) rebuilds the same state
/// from it.
contract ScenarioTest is Test {
    string internal constant CHECKED_IN = "contracts/test/differential/scenario.txt";
    string internal constant WRITTEN = "contracts/cache/scenario.txt";
    uint256 internal constant STEPS = 900;

    /// @dev RENEW=true writes what is checked in anew.
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
        assertTrue(same, "the scenario has changed: RENEW=true contracts/bin/forge test --match-contract Scenario");
    }
}
