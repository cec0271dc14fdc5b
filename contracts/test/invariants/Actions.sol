// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Handler} from "./Handler.sol";

/// @notice The handler's actions, for campaigns and for scenarios that are always the same.
library Actions {
    function all() internal pure returns (bytes4[] memory selectors) {
        selectors = new bytes4[](42);
        selectors[0] = Handler.register.selector;
        selectors[1] = Handler.transfer.selector;
        selectors[2] = Handler.lowerRoyalty.selector;
        selectors[3] = Handler.trade.selector;
        selectors[4] = Handler.replay.selector;
        selectors[5] = Handler.cancel.selector;
        selectors[6] = Handler.withdrawCredit.selector;
        selectors[7] = Handler.setFee.selector;
        selectors[8] = Handler.fund.selector;
        selectors[9] = Handler.sweep.selector;
        selectors[10] = Handler.propose.selector;
        selectors[11] = Handler.veto.selector;
        selectors[12] = Handler.activate.selector;
        selectors[13] = Handler.claim.selector;
        selectors[14] = Handler.setPayoutAddress.selector;
        selectors[15] = Handler.offer.selector;
        selectors[16] = Handler.buyLicence.selector;
        selectors[17] = Handler.transferLicence.selector;
        selectors[18] = Handler.stake.selector;
        selectors[19] = Handler.unstake.selector;
        selectors[20] = Handler.withdrawStake.selector;
        selectors[21] = Handler.fundYield.selector;
        selectors[22] = Handler.claimYield.selector;
        selectors[23] = Handler.idle.selector;
        selectors[24] = Handler.raise.selector;
        selectors[25] = Handler.counter.selector;
        selectors[26] = Handler.vote.selector;
        selectors[27] = Handler.settle.selector;
        selectors[28] = Handler.timeout.selector;
        selectors[29] = Handler.release.selector;
        selectors[30] = Handler.withdrawBond.selector;
        selectors[31] = Handler.anchor.selector;
        selectors[32] = Handler.intrude.selector;
        // The most is to be found where works are made and traded, and claims follow claims.
        selectors[33] = Handler.register.selector;
        selectors[34] = Handler.trade.selector;
        selectors[35] = Handler.buyLicence.selector;
        selectors[36] = Handler.activate.selector;
        selectors[37] = Handler.claim.selector;
        selectors[38] = Handler.derive.selector;
        selectors[39] = Handler.cancelAll.selector;
        selectors[40] = Handler.deliverCredit.selector;
        selectors[41] = Handler.blockPot.selector;
    }

    /// @notice The `step`-th of a fixed sequence of calls. A word that is too wide for its argument makes one that is
    /// refused; there are enough others.
    function call(uint256 step) internal pure returns (bytes memory data) {
        bytes4[] memory actions = all();
        uint256[6] memory masks = [uint256(1), 1, type(uint8).max, type(uint16).max, type(uint32).max, type(uint64).max];
        data = abi.encodePacked(actions[uint256(keccak256(abi.encode(step))) % actions.length]);
        for (uint256 i; i < 6; ++i) {
            uint256 word = uint256(keccak256(abi.encode(step, i)));
            data = abi.encodePacked(data, word & masks[(word >> 128) % 6]);
        }
    }
}
