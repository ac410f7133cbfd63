// Switchctl is the tool of the people around a Switchyard switch: it sends payments, shows them, describes ISO 8583
// frames and runs the operator's work.
//
// It exits with 0 when what was asked for was done (a payment: approved), with 1 when the answer is no (declined,
// refused, reversing by the switch, a check that found something), and with 2 when there is no answer (wrong usage, no
// connection, no file), and load with 3 when its figures mean nothing; with 130 when it is ended by Ctrl-C. Results go
// to stdout, everything else to stderr.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/daemons"
	"switchyard/internal/httpcall"
	"switchyard/internal/infile"
	"switchyard/internal/manpage"
	"switchyard/internal/version"
)

// The exit codes.
const (
	exitOK      = 0
	exitNo      = 1
	exitFailed  = 2
	exitInvalid = 3 // of load alone

	exitInterrupted = 130 // as shells have it of what Ctrl-C ends
)

// errNo ends a command whose printed result is a no: exit 1, nothing more to say.
var errNo = errors.New("no")

// errInvalid ends a measurement whose figures may be the tool's own.
var errInvalid = errors.New("the run is not valid")

// Where the daemons listen unless they are told otherwise.
const (
	defaultGateway  = daemons.DefaultGateway
	defaultOperator = daemons.DefaultOperator
	defaultControl  = daemons.DefaultControl // of issuer-sim
)

// issuerControl is the control HTTP of issuer-sim at addr.
func issuerControl(addr string) httpcall.Port {
	return httpcall.Port{Addr: addr, Is: "the control HTTP of issuer-sim"}
}

func main() { os.Exit(run()) }

// run is main, with the exit code as a result.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // who asks twice does not wait for what is put away
	root := newRootCmd()
	switch err := root.ExecuteContext(ctx); {
	case err == nil:
		return exitOK
	case errors.Is(err, errNo):
		return exitNo
	case errors.Is(err, errInvalid):
		return exitInvalid
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		why := strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted")
		complain(root, why)
		return exitInterrupted
	default:
		complain(root, err)
		return exitFailed
	}
}

// complain says on standard error why a command fails.
func complain(cmd *cobra.Command, why any) {
	text, errs := fmt.Sprintln("switchctl:", why), cmd.ErrOrStderr()
	if coloured(cmd, errs) {
		text = errorRules.Text(text)
	}
	fmt.Fprint(errs, text)
}

// standardInput is what a command is given on standard input, until the command is ended: also while it waits for that.
func standardInput(cmd *cobra.Command) io.Reader { return infile.Input(cmd.Context(), cmd.InOrStdin()) }

// fatal ends the command when a journal that it has open cannot go on.
func fatal(msg string, err error) {
	fmt.Fprintf(os.Stderr, "switchctl: %s: %v\n", msg, err)
	os.Exit(exitFailed)
}

func newRootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:     "switchctl",
		Version: version.String(),
		Short:   "Work with a Switchyard switch",
		Long: `Switchctl sends payments to a Switchyard switch, shows them, and runs the operator's work.

Exit codes: 0 done (a payment: approved); 1 the answer is no (declined, refused, reversing, a check that found something);
2 no answer (wrong usage, no connection, no file); 130 ended by Ctrl-C.`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	addColorFlag(root)
	root.AddCommand(
		newDemoCmd(),
		newCrashCmd(),
		newSendCmd(),
		newPaymentCmd(),
		newPaymentsCmd(),
		newLoadCmd(),
		newCutoverCmd(),
		newDaysCmd(),
		newDisputesCmd(),
		newApprovalsCmd(),
		newReconcileCmd(),
		newClockCmd(),
		newClearingCmd(),
		newSettlementCmd(),
		newAuditCmd(),
		newExplainCmd(),
		newTopCmd(),
		newDoctorCmd(),
		newSafCmd(),
		newActsCmd(),
		newAuditLogCmd(),
		newRestoreCmd(),
		newIsoCmd(),
		newSecretCmd(),
		version.Command(),
		manpage.Command(),
	)
	completion.Rest(root)
	return root
}
