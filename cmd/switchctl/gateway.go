package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/infile"
	"switchyard/internal/money"
	"switchyard/internal/reach"
	"switchyard/switch/api"
	"switchyard/switch/front/lines/client"
	"switchyard/switch/front/lines/wire"
)

// secretVariable holds the gateway's secret, so that it need not stand in a command line.
const secretVariable = "SWITCHCTL_SECRET"

// gatewayFlags are how a command reaches the gateway port.
type gatewayFlags struct {
	address, name, secretFile         string
	caFile, certFile, keyFile, server string
	timeout                           time.Duration
	asJSON                            bool
	lost                              func(*api.Request) // of a request that is not answered; may be nil
}

func (g *gatewayFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&g.address, "gateway", defaultGateway, "the switch's gateway port")
	f.StringVar(&g.name, "name", "", "say hello as this gateway; its secret comes from --secret-file or $"+secretVariable)
	f.StringVar(&g.secretFile, "secret-file", "", "`file` that holds the gateway's secret")
	f.StringVar(&g.caFile, "tls-ca", "", "speak TLS and trust the authorities in this PEM `file`")
	f.StringVar(&g.certFile, "tls-cert", "", "client certificate, a PEM `file`")
	f.StringVar(&g.keyFile, "tls-key", "", "the certificate's key, a PEM `file`")
	f.StringVar(&g.server, "tls-server", "", "name in the switch's certificate (default: the host of --gateway)")
	f.DurationVar(&g.timeout, "timeout", 30*time.Second, "how long to wait for the answer")
	f.BoolVar(&g.asJSON, "json", false, "print the answer as it came")
}

// do sends requests one after the other and hands each answer to show.
func (g *gatewayFlags) do(
	ctx context.Context, requests []api.Request, show func(*api.Request, *api.Answer) error,
) error {
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	options := client.Options{Dial: new(net.Dialer).DialContext, Gateway: g.name}
	var err error
	if g.name != "" {
		if options.Secret, err = g.secret(); err != nil {
			return err
		}
	}
	if options.TLS, err = g.tls(); err != nil {
		return err
	}
	if options.TLS != nil && g.server == "" {
		if options.TLS.ServerName, _, err = net.SplitHostPort(g.address); err != nil {
			return err
		}
	}
	gw, err := client.Dial(ctx, g.address, options)
	if err != nil {
		return g.notServed(err)
	}
	defer gw.Close()
	for i := range requests {
		answer, err := gw.Do(ctx, &requests[i])
		if refused := (*api.Error)(nil); errors.As(err, &refused) {
			return g.notServed(err)
		}
		if err != nil && g.lost != nil {
			g.lost(&requests[i])
		}
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return fmt.Errorf("no answer within %v%s", g.timeout, whatBecame(&requests[i]))
		case errors.Is(err, client.ErrLost):
			return fmt.Errorf("%w%s", err, whatBecame(&requests[i]))
		case err != nil:
			return err
		}
		if err := show(&requests[i], answer); err != nil {
			return err
		}
	}
	return nil
}

// notServed is why the gateway port does not serve the connection: nothing is there, or it refused the connection as a
// whole and took nothing of what was sent.
func (g *gatewayFlags) notServed(err error) error {
	var refused *api.Error
	if errors.As(err, &refused) {
		return fmt.Errorf("%s: %w", g.address, refused)
	}
	return reach.Error("the gateway port of switchd", g.address, err)
}

// whatBecame says how to learn what a request without an answer has done; nothing of one that does nothing.
func whatBecame(req *api.Request) string {
	const how = "; what became of the request is told by: switchctl "
	switch {
	case req.Payment != "":
		return how + "payment " + req.Payment
	case req.Key != "":
		return how + "send status --merchant " + req.Merchant + " --key " + req.Key
	}
	return ""
}

func (g *gatewayFlags) secret() (string, error) {
	if g.secretFile == "" {
		if secret := os.Getenv(secretVariable); secret != "" {
			return secret, nil
		}
		return "", errors.New("--name needs the gateway's secret in --secret-file or $" + secretVariable)
	}
	text, err := infile.ReadSecret(g.secretFile)
	return strings.TrimSpace(string(text)), err
}

// tls is how TLS is spoken, nil where it is not. Its ServerName is that of --tls-server.
func (g *gatewayFlags) tls() (*tls.Config, error) {
	if g.caFile == "" {
		if g.certFile != "" || g.keyFile != "" {
			return nil, errors.New("--tls-cert and --tls-key need --tls-ca")
		}
		return nil, nil
	}
	pem, err := infile.Read(g.caFile, infile.MaxSecret)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{ServerName: g.server, RootCAs: x509.NewCertPool()}
	if !config.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in PEM form", g.caFile)
	}
	if g.certFile != "" || g.keyFile != "" {
		pair, err := infile.KeyPair(g.certFile, g.keyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// printJSON prints an answer as the switch wrote it.
func printJSON(w io.Writer, a *api.Answer) error {
	_, err := fmt.Fprintf(w, "%s\n", wire.AppendAnswer(nil, a))
	return err
}

// facts prints names and values in two columns; empty values are left out.
type facts struct {
	w   io.Writer
	err error
}

func (f *facts) line(format string, args ...any) {
	if f.err == nil {
		_, f.err = fmt.Fprintf(f.w, format+"\n", args...)
	}
}

func (f *facts) fact(name, value string) {
	if value != "" {
		f.line("  %-14s %s", name, value)
	}
}

// amount prints an amount of the payment's currency, where it is not zero.
func (f *facts) amount(name string, minor int64, currency string) {
	if minor != 0 {
		f.fact(name, money.Format(minor, currency))
	}
}

// outcome prints DE39 with its meaning, or the reason of an operation that has no response code.
func (f *facts) outcome(code, reason string) {
	switch {
	case code == "":
		f.fact("reason", reason)
	case reason == "response code "+code: // the switch has no other words for it
		f.fact("response code", code)
	default:
		f.fact("response code", strings.TrimSpace(code+" "+reason))
	}
}

// printError prints a refusal.
func printError(w io.Writer, e *api.Error) error {
	f := facts{w: w}
	f.line("refused: %s", e.Code)
	f.fact("field", e.Field)
	f.fact("why", e.Message)
	if e.Retry() {
		f.fact("retry", "the same request may succeed later")
	}
	return f.err
}

// headline says in a word what came of an operation.
func headline(a *api.Answer) string {
	switch {
	case a.Approved:
		return "approved"
	case a.Status == api.StatusReversing:
		return "no outcome, being reversed"
	case a.Status == api.StatusFailed:
		return "failed, nothing was sent"
	case a.Status == api.StatusPending:
		return "no outcome yet"
	}
	return "declined"
}

// printPayment prints what an answer tells of a payment.
func printPayment(w io.Writer, a *api.Answer) error {
	f := facts{w: w}
	f.fact("payment", a.Payment)
	f.fact("status", string(a.Status))
	f.outcome(a.ResponseCode, a.Reason)
	f.fact("auth code", a.AuthCode)
	f.fact("rrn", a.RRN)
	f.fact("stan", a.STAN)
	f.fact("network id", a.NetworkID)
	f.fact("avs", a.AVS)
	f.fact("cvc result", a.CVCResult)
	f.fact("capture", a.Capture)
	f.fact("refund", a.Refund)
	f.amount("authorized", a.Authorized, a.Currency)
	f.amount("released", a.Released, a.Currency)
	f.amount("captured", a.Captured, a.Currency)
	f.amount("refunded", a.Refunded, a.Currency)
	f.amount("charged back", a.ChargedBack, a.Currency)
	f.amount("capturable", a.Capturable, a.Currency)
	f.amount("refundable", a.Refundable, a.Currency)
	f.fact("business date", a.BusinessDate)
	if !a.Created.IsZero() {
		f.fact("created", a.Created.Format(time.RFC3339))
	}
	if a.Replayed {
		f.fact("replayed", "yes: the key was used before, nothing was done again")
	}
	for i := range a.History {
		if i == 0 {
			f.line("  history")
			f.historyLine("at", "operation", "state", "amount", "rc", "RRN", "STAN", "id", "presentment")
		}
		f.history(&a.History[i], a.Currency)
	}
	return f.err
}

// history prints an operation of a payment in a line.
func (f *facts) history(h *api.HistoryItem, currency string) {
	f.historyLine(h.At.Format("2006-01-02 15:04:05"), h.Op, h.State, money.Format(h.Amount, currency), h.ResponseCode,
		h.RRN, h.STAN, cmp.Or(h.Capture, h.Refund), h.Presentment)
}

// historyLine prints the columns of a history, or their headings.
func (f *facts) historyLine(at, op, state, amount, code, rrn, stan, id, presentment string) {
	f.line("%s", strings.TrimRight(fmt.Sprintf("    %-19s  %-16s %-9s %14s  %-2s  %-12s  %-6s  %-14s  %s",
		at, op, state, amount, code, rrn, stan, id, presentment), " "))
}
