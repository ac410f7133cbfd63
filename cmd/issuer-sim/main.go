// Command issuer-sim is an ISO 8583 card issuer to test a switch against. See package issuersim.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/manpage"
	"switchyard/internal/version"
)

func main() {
	os.Exit(run(os.Args[1:]))
}

// run runs the command and returns its exit code: 0 after a stop that was asked for, 1 after an error.
func run(args []string) int {
	// The log, and the clearing files that are taken and answered, are card data or next to it: nobody else reads them.
	syscall.Umask(0o077)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := newRootCmd()
	root.SetArgs(args)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "issuer-sim:", err)
		return 1
	}
	return 0
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "issuer-sim",
		Version:       version.String(),
		Short:         "An ISO 8583 card issuer with accounts, holds and a ledger, to test a switch against",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newServeCmd(), newCardsCmd(), newClearingCmd(), version.Command(), manpage.Command())
	completion.Rest(root)
	return root
}
