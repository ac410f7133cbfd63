package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/completion"
	"switchyard/internal/loadgen/clients"
	"switchyard/internal/money"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/wire"
)

// panVariable may hold the card number, so that it need not stand in a shell's history.
const panVariable = "SWITCHCTL_PAN"

// sendFlags are a request in flags.
type sendFlags struct {
	gatewayFlags
	req              api.Request
	entry, initiator string
	told             string
}

// newSendCmd is `switchctl send`.
func newSendCmd() *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:   "send OPERATION | send -",
		Short: "Send a request to the switch and print the answer",
		Long: `Send a request to the switch and print the answer.

OPERATION is ` + operations() + `;
the flags are the fields of the gateway protocol (docs/gateway-protocol.md). A key is made where an operation needs one
and none is given, and printed with the answer. With - in place of an operation, requests are read from standard input,
a JSON object a line, at most 1,000, and sent one after the other once all of them are read and checked.

The card number comes from --pan, from standard input with --pan -, or from $` + panVariable + `.

Exits with 0 when all was approved or answered, with 1 when a request was declined or refused, with 2 when there is no answer.`,
		Example: `  switchctl send authorize --merchant M1 --terminal T1 --amount 1000 --currency EUR --pan 4000000000000002 --expiry 2912
  switchctl send capture --payment P10000000001 --amount 600
  echo '{"op":"ping"}' | switchctl send - --json`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: append(opNames(), "-"),
		RunE: func(cmd *cobra.Command, args []string) error {
			requests, err := f.requests(cmd, args[0])
			if err != nil {
				return err
			}
			return painted(cmd, f.asJSON, answerRules, func(out io.Writer) error {
				return f.send(cmd.Context(), out, cmd.ErrOrStderr(), requests)
			})
		},
	}
	f.gatewayFlags.add(cmd)
	r, flags := &f.req, cmd.Flags()
	flags.SortFlags = false
	for _, t := range f.texts() {
		flags.StringVar(t.into, t.flag, "", t.usage)
	}
	flags.Var((*minorUnits)(&r.Amount), "amount", "amount in minor units of the currency: 1000 is 10.00 EUR")
	flags.BoolVar(&r.Partial, "partial", false, "the issuer may approve less")
	flags.BoolVar(&r.Final, "final", false, "the last capture: release the rest")
	flags.DurationVar(&r.CaptureAfter, "capture-after", 0, "authorize: the switch captures it after so long, such as 48h")
	flags.StringVar(&f.told, "told", "", toldUsage)
	completion.Flag(cmd, "entry", entryNames()...)
	completion.Flag(cmd, "initiator", api.InitiatorCardholder.String(), api.InitiatorMerchant.String())
	return cmd
}

// operations lists those of the gateway protocol.
func operations() string {
	names := opNames()
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// minorUnits is an amount as a flag takes it.
type minorUnits int64

// String implements pflag.Value.
func (m *minorUnits) String() string { return strconv.FormatInt(int64(*m), 10) }

// Type implements pflag.Value.
func (m *minorUnits) Type() string { return "int" }

// Set implements pflag.Value.
func (m *minorUnits) Set(text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return errors.New("expected an integer of minor units: 1050 is 10.50 EUR")
	}
	*m = minorUnits(n)
	return nil
}

// textFlag is a flag whose value goes into the request as it is.
type textFlag struct {
	flag  string
	into  *string
	field api.Field
	usage string
}

func (f *sendFlags) texts() []textFlag {
	r := &f.req
	return []textFlag{
		{"key", &r.Key, api.FieldKey, "idempotency key"},
		{"merchant", &r.Merchant, api.FieldMerchant, "merchant id (DE42)"},
		{"terminal", &r.Terminal, api.FieldTerminal, "terminal id (DE41)"},
		{"payment", &r.Payment, api.FieldPayment, "payment id"},
		{"currency", &r.Currency, api.FieldCurrency, "ISO 4217 letters"},
		{"pan", &r.Card.Number, api.FieldCard, "card number, or - to read it from standard input"},
		{"expiry", &r.Card.Expiry, api.FieldCard, "card expiry, YYMM"},
		{"cvc", &r.Card.CVC, api.FieldCard, "card verification code"},
		{"sequence", &r.Card.Sequence, api.FieldCard, "card sequence number (DE23)"},
		{"track2", &r.Card.Track2, api.FieldCard, "track 2 (DE35)"},
		{"entry", &f.entry, api.FieldEntry, "ecommerce (default), moto, stored, manual, chip, contactless or magstripe"},
		{"reference", &r.Reference, api.FieldReference, "the merchant's own reference"},
		{"initiator", &f.initiator, api.FieldInitiator, "cardholder (default) or merchant"},
		{"network-id", &r.NetworkID, api.FieldNetworkID, "network id of an earlier payment"},
		{"threeds-version", &r.ThreeDS.Version, api.FieldThreeDS, "3-D Secure version"},
		{"threeds-eci", &r.ThreeDS.ECI, api.FieldThreeDS, "3-D Secure e-commerce indicator"},
		{"threeds-cavv", &r.ThreeDS.CAVV, api.FieldThreeDS, "3-D Secure authentication value"},
		{"threeds-transaction", &r.ThreeDS.DSTransactionID, api.FieldThreeDS, "directory server transaction id"},
		{"address", &r.Address.Line, api.FieldAddress, "cardholder's address line"},
		{"postal-code", &r.Address.PostalCode, api.FieldAddress, "cardholder's postal code"},
		{"country", &r.Address.Country, api.FieldAddress, "cardholder's country"},
		{"emv", &r.EMV, api.FieldEMV, "chip data as hex (DE55)"},
		{"of-key", &r.OfKey, api.FieldOfKey, "reverse: the key of the request to undo"},
		{"capture", &r.Capture, api.FieldCapture, "void: id of the capture to undo; authorize: immediate"},
		{"auth-code", &r.AuthCode, api.FieldAuthCode, "capture: code of an authorization obtained elsewhere"},
	}
}

// requests makes the requests that the command line asks for.
func (f *sendFlags) requests(cmd *cobra.Command, op string) ([]api.Request, error) {
	if op == "-" {
		return readRequests(standardInput(cmd))
	}
	r := &f.req
	var known bool
	if r.Op, known = api.ParseOp(op); !known {
		return nil, fmt.Errorf("no operation %q: expected %s", op, operations())
	}
	for _, t := range f.texts() {
		if cmd.Flags().Changed(t.flag) {
			r.Present = r.Present.With(t.field)
		}
	}
	for name, field := range map[string]api.Field{
		"amount": api.FieldAmount, "partial": api.FieldPartial, "final": api.FieldFinal,
		"capture-after": api.FieldCapture,
	} {
		if cmd.Flags().Changed(name) {
			r.Present = r.Present.With(field)
		}
	}
	if f.entry != "" {
		if r.Entry, known = api.ParseEntry(f.entry); !known {
			return nil, fmt.Errorf("--entry: no entry mode %q: expected %s", f.entry, strings.Join(entryNames(), ", "))
		}
	}
	if f.initiator != "" {
		if r.Initiator, known = api.ParseInitiator(f.initiator); !known {
			return nil, fmt.Errorf("--initiator is %q, expected cardholder or merchant", f.initiator)
		}
	}
	if err := f.cardNumber(standardInput(cmd)); err != nil {
		return nil, err
	}
	if err := complete(r); err != nil {
		return nil, err
	}
	return []api.Request{*r}, nil
}

// cardNumber takes the card number from where it does not show.
func (f *sendFlags) cardNumber(stdin io.Reader) error {
	card := &f.req.Card
	switch {
	case card.Number == "-":
		line, err := bufio.NewReader(stdin).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		card.Number = strings.TrimSpace(line)
	case card.Number == "" && f.req.Present.Has(api.FieldCard):
		card.Number = os.Getenv(panVariable)
	}
	return nil
}

// complete gives a request the key and id that it lacks, and checks it as the switch would.
func complete(r *api.Request) error {
	if r.ID == "" {
		r.ID = rand.Text()[:8]
	}
	if r.Key == "" && r.Op != api.OpStatus && r.Op != api.OpPing {
		r.Key, r.Present = "switchctl-"+rand.Text()[:16], r.Present.With(api.FieldKey)
	}
	if err := r.Validate(); err != nil {
		return err
	}
	return nil
}

// readRequests reads requests, a JSON object a line.
func readRequests(stdin io.Reader) ([]api.Request, error) {
	const maxLine, maxRequests = 64 << 10, 1000
	var requests []api.Request
	in := bufio.NewScanner(stdin)
	in.Buffer(nil, maxLine)
	for line := 1; in.Scan(); line++ {
		if len(requests) == maxRequests {
			return nil, fmt.Errorf("standard input: more than %d lines", maxRequests)
		}
		var r api.Request
		fault := wire.DecodeRequest(in.Bytes(), &r)
		if fault != nil {
			return nil, fmt.Errorf("standard input, line %d: %w", line, fault)
		}
		if err := complete(&r); err != nil {
			return nil, fmt.Errorf("standard input, line %d: %w", line, err)
		}
		requests = append(requests, r)
	}
	if len(requests) == 0 && in.Err() == nil {
		return nil, errors.New("standard input: expected a JSON object a line")
	}
	return requests, in.Err()
}

// send sends requests and prints their answers. The keys go where they do not mix with an answer printed as it came.
func (f *sendFlags) send(ctx context.Context, stdout, stderr io.Writer, requests []api.Request) error {
	log, err := clients.OpenTold(f.told)
	if err != nil {
		return err
	}
	no := false
	f.lost = func(r *api.Request) { log.Wrote(r, nil) }
	err = f.do(ctx, requests, func(r *api.Request, a *api.Answer) error {
		log.Wrote(r, a)
		no = no || a.Err != nil || (asksForApproval(r.Op) && !a.Approved)
		if f.asJSON {
			if r.Key != "" {
				fmt.Fprintln(stderr, "key:", r.Key)
			}
			return printJSON(stdout, a)
		}
		return printAnswer(stdout, r, a)
	})
	if err = errors.Join(err, log.Close()); err == nil && no {
		return errNo
	}
	return err
}

func asksForApproval(op api.Op) bool {
	return op != api.OpStatus && op != api.OpPing
}

// printAnswer prints an answer for a person.
func printAnswer(w io.Writer, r *api.Request, a *api.Answer) error {
	f := facts{w: w}
	switch {
	case a.Err != nil:
		return printError(w, a.Err)
	case r.Op == api.OpPing:
		f.line("the switch answers")
		return f.err
	case r.Op == api.OpStatus && a.Payment == "":
		return printPayments(w, a)
	case r.Op != api.OpStatus:
		f.line("%s: %s", headline(a), strings.TrimSpace(r.Op.String()+" "+amountOf(a)))
		f.fact("key", r.Key)
	}
	if f.err != nil {
		return f.err
	}
	return printPayment(w, a)
}

// amountOf is the operation's amount for a person, "" where it has none.
func amountOf(a *api.Answer) string {
	if a.Amount == 0 {
		return ""
	}
	return money.Format(a.Amount, a.Currency)
}

// printPayments prints the list that status by reference answers, a line a payment.
func printPayments(w io.Writer, a *api.Answer) error {
	f := facts{w: w}
	for i := range a.Payments {
		p := &a.Payments[i]
		f.line("%-12s  %s  %-18s %14s authorized %14s captured", p.Payment, p.Created.Format("2006-01-02 15:04:05"), p.Status,
			money.Format(p.Authorized, p.Currency), money.Format(p.Captured, p.Currency))
	}
	switch {
	case len(a.Payments) == 0:
		f.line("no payment has this reference")
	case a.More:
		f.line("there are more; these are the newest %d", len(a.Payments))
	}
	return f.err
}
