package main

import (
	"github.com/spf13/cobra"

	"switchyard/spec"
	"switchyard/switch/api"
)

// offers has shells complete the value of a flag with values alone.
func offers(cmd *cobra.Command, flag string, values ...string) {
	offered(cmd, flag, cobra.ShellCompDirectiveNoFileComp, values)
}

// offersDialects has them complete it with the names of dialects, and with files, where one's own may stand.
func offersDialects(cmd *cobra.Command, flag string) {
	offered(cmd, flag, cobra.ShellCompDirectiveDefault, spec.Stock())
}

func offered(cmd *cobra.Command, flag string, more cobra.ShellCompDirective, values []string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, more)); err != nil {
		panic(err) // the command has no such flag, or it is offered twice
	}
}

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
