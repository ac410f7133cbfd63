package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/isotool"
	"switchyard/spec"
)

// isoHost are flags of a host that is spoken to.
type isoHost struct {
	tls  gatewayFlags // its flags of TLS alone
	plan bool
}

func (h *isoHost) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&h.plan, "tls", false, "speak TLS and trust the system's authorities")
	f.StringVar(&h.tls.caFile, "tls-ca", "", "speak TLS and trust the authorities in this PEM file")
	f.StringVar(&h.tls.certFile, "tls-cert", "", "client certificate, PEM")
	f.StringVar(&h.tls.keyFile, "tls-key", "", "the certificate's key, PEM")
	f.StringVar(&h.tls.server, "tls-server", "", "name in the host's certificate (default: the host of the address)")
}

// dialer makes connections to an address.
func (h *isoHost) dialer(address string) (func(context.Context) (net.Conn, error), error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("want HOST:PORT: %w", err)
	}
	config, err := h.tls.tls()
	if err != nil {
		return nil, err
	}
	if h.plan && config == nil {
		if config = (&tls.Config{ServerName: host}); h.tls.server != "" {
			config.ServerName = h.tls.server
		}
	}
	plain := net.Dialer{Timeout: 10 * time.Second}
	if config == nil {
		return func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, "tcp", address) }, nil
	}
	config.MinVersion = tls.VersionTLS12
	secure := tls.Dialer{NetDialer: &plain, Config: config}
	return func(ctx context.Context) (net.Conn, error) { return secure.DialContext(ctx, "tcp", address) }, nil
}

// newIsoSendCmd is `switchctl iso send`.
func newIsoSendCmd() *cobra.Command {
	var host isoHost
	var to isoMessages
	var file string
	var expect []string
	var wait time.Duration
	var signOn, clearPAN bool
	cmd := &cobra.Command{
		Use:   "send HOST:PORT [FIELD=VALUE...]",
		Short: "Send messages to a host and hold its answers to what is expected",
		Long: `Send a message, made of FIELD=VALUE as iso build makes it, or with --file the messages of a JSON file
one after the other over one connection, and print what is sent and what comes, card data masked. An
answer is the message of the answering MTI with the same STAN (DE11); what else comes is printed and
answered by nobody.

--expect says what each answer must have: 39=00, "39=00|10", mti=0810, 38 (it is there), !55 (it is not), 43~BERLIN
(a regular expression), 48.16=M (a tag). A message of the file may have "expect" and "wait" of its own. Of the sign-on
of --sign-on it is expected that the host approves it.

Exits with 0 when all answers are as expected, with 1 when one is not, with 2 when there is none: no connection,
silence, or bytes that cannot be read, of which it says what they look like.`,
		Example: `  switchctl iso send 127.0.0.1:8583 mti=0800 7=now 11=000001 70=301 --expect 39=00
  switchctl iso send --sign-on --framing ascii4 --dialect iso87bcd --file day.json host.example:5000`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dial, err := host.dialer(args[0])
			if err != nil {
				return err
			}
			codec, format, err := to.parse()
			if err != nil {
				return err
			}
			drafts, err := isoDrafts(cmd, file, args[1:])
			if err != nil {
				return err
			}
			if err := expectations(drafts, expect); err != nil {
				return err
			}
			if signOn {
				drafts = append([]*isotool.Draft{isotool.SignOn(codec, time.Now())}, drafts...)
			}
			conn, err := dial(cmd.Context())
			if err != nil {
				return err
			}
			defer conn.Close()
			s := isoSession{cmd: cmd, codec: codec, clearPAN: clearPAN}
			s.talk = isotool.NewTalk(conn, format, codec, wait, func(m *spec.Message) { s.show("<- (no answer)", m) })
			return s.run(drafts)
		},
	}
	to.add(cmd, "binary2")
	host.add(cmd)
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "JSON file with messages, or - for standard input")
	f.StringArrayVar(&expect, "expect", nil, "what each answer must have; may be given several times")
	f.DurationVar(&wait, "wait", 10*time.Second, "how long to wait for an answer")
	f.BoolVar(&signOn, "sign-on", false, "sign on first")
	f.BoolVar(&clearPAN, "clear-pan", false, "show card numbers; tracks, CVC and PIN stay hidden")
	return cmd
}

// expectations adds those of the command line to each message.
func expectations(drafts []*isotool.Draft, texts []string) error {
	for _, text := range texts {
		e, err := isotool.ParseExpectation(text)
		if err != nil {
			return fmt.Errorf("--expect: %w", err)
		}
		for _, d := range drafts {
			d.Expect = append(d.Expect, e)
		}
	}
	return nil
}

// isoSession is a conversation that is printed.
type isoSession struct {
	cmd      *cobra.Command
	talk     *isotool.Talk
	codec    *spec.Codec
	clearPAN bool
}

func (s *isoSession) run(drafts []*isotool.Draft) error {
	unmet := 0
	for _, d := range drafts {
		s.show("->", &d.Message)
		answer, err := s.talk.Exchange(s.cmd.Context(), d)
		var field *spec.FieldError
		if errors.As(err, &field) && field.Offset < 0 {
			return fmt.Errorf("not sent: %w", err)
		}
		if err != nil {
			return err
		}
		s.show("<-", answer)
		for _, e := range d.Expect {
			if wrong := e.Check(answer); wrong != "" {
				unmet++
				fmt.Fprintln(s.cmd.OutOrStdout(), "  wrong:", wrong)
			}
		}
	}
	if unmet > 0 {
		return errNo
	}
	return nil
}

func (s *isoSession) show(direction string, m *spec.Message) {
	fmt.Fprintln(s.cmd.OutOrStdout(), direction)
	_ = isotool.PrintMessage(s.cmd.OutOrStdout(), s.codec, m, s.clearPAN) // a reader that is gone is no fault of the host
}
