// Command switchd is the switch: it takes requests of payment gateways over TCP, turns them into ISO 8583 messages to
// issuers, keeps every payment in its journal, and writes the clearing files of each business day.
//
//	switchd serve          run; no configuration needed
//	switchd check-config   read a configuration and say what is wrong with it
//	switchd keygen         make the key that seals card numbers
//	switchd backup         copy a running switch's journal
//	switchd verify         read every record of a stopped switch's journal, or of a backup
//	switchd restore        make a data folder from a backup
//	switchd version        say which build this is
package main

import (
	"fmt"
	"os"
	"syscall"
	_ "time/tzdata" // a day must be closed in its own time zone on a machine without zone files, too

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/manpage"
	"switchyard/internal/version"
)

func main() {
	// Everything that the switch writes, and restore and keygen too, is card data or next to it: nobody else reads it.
	syscall.Umask(0o077)
	if err := newRootCmd().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "switchd:", err)
		os.Exit(1)
	}
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:           "switchd",
		Version:       version.String(),
		Short:         "ISO 8583 acquirer switch",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(newServeCmd(), newCheckConfigCmd(), newKeygenCmd(), newBackupCmd(), newVerifyCmd(), newRestoreCmd(),
		version.Command(), manpage.Command())
	completion.Rest(root)
	return root
}
