package main

import (
	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/isotool"
	"switchyard/internal/loadgen/record"
	"switchyard/spec"
	"switchyard/switch/api"
	"switchyard/switch/payment"
)

// offersDialects has shells complete a flag with the names of dialects, and with files, where one's own may stand.
func offersDialects(cmd *cobra.Command, flag string) {
	completion.FlagOrFile(cmd, flag, spec.Stock()...)
}

// offersFramings has them complete it with usual framings: there are many more.
func offersFramings(cmd *cobra.Command, flag string) {
	completion.Flag(cmd, flag, isotool.ProbeFramings...)
}

// offersForm has them complete how a clearing file is written.
func offersForm(cmd *cobra.Command) {
	completion.Flag(cmd, "code-page", "cp500", "ascii")
	completion.Flag(cmd, "blocking", "1014", "vbs", "rdw", "1014+rdw")
}

// offersKeys has them complete how idempotency keys are made.
func offersKeys(cmd *cobra.Command) { completion.Flag(cmd, "keys", keysCounted, record.KeysRandom) }

// opNames are the operations of the gateway protocol.
func opNames() (names []string) {
	for _, op := range api.Ops() {
		names = append(names, op.String())
	}
	return names
}

// entryNames are its entry modes.
func entryNames() (names []string) {
	for e := api.EntryEcommerce; e.String() != ""; e++ {
		names = append(names, e.String())
	}
	return names
}

// statuses are where a payment may stand.
func statuses() (names []string) {
	for _, s := range payment.Standings() {
		names = append(names, s.String())
	}
	return names
}

// disputeStates are where a chargeback may stand, and all, which lists them whatever that is.
func disputeStates() (names []string) {
	for _, s := range payment.DisputeStates() {
		names = append(names, s.String())
	}
	return append(names, "all")
}
