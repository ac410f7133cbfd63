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
	"switchyard/internal/reach"
	"switchyard/spec"
)

// isoHost are flags of a host that is spoken to.
type isoHost struct {
	tls  gatewayFlags // its flags of TLS alone
	plan bool
	// handshake is how long a host may take for TLS.
	handshake time.Duration
}

func (h *isoHost) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.DurationVar(&h.handshake, "tls-wait", 10*time.Second, "how long the host may take for the TLS handshake")
	f.BoolVar(&h.plan, "tls", false, "speak TLS and trust the system's authorities")
	f.StringVar(&h.tls.caFile, "tls-ca", "", "speak TLS and trust the authorities in this PEM `file`")
	f.StringVar(&h.tls.certFile, "tls-cert", "", "client certificate, a PEM `file`")
	f.StringVar(&h.tls.keyFile, "tls-key", "", "the certificate's key, a PEM `file`")
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
	dialer := net.Dialer{Timeout: 10 * time.Second}
	plain := func(ctx context.Context) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, "tcp", address)
		return conn, reach.Error("an ISO 8583 host", address, err)
	}
	if config == nil {
		return plain, nil
	}
	config.MinVersion = tls.VersionTLS12
	if config.ServerName == "" {
		config.ServerName = host
	}
	return func(ctx context.Context) (net.Conn, error) {
		conn, err := plain(ctx)
		if err != nil {
			return nil, err
		}
		return h.secure(ctx, conn, config, address)
	}, nil
}

// secure makes a connection one of TLS. An error names TLS and the address: a host that speaks none says nothing, or
// what no one would take for that.
func (h *isoHost) secure(ctx context.Context, plain net.Conn, config *tls.Config, address string) (net.Conn, error) {
	conn := tls.Client(plain, config)
	within, cancel := context.WithTimeout(ctx, h.handshake)
	defer cancel()
	err := conn.HandshakeContext(within)
	if err == nil {
		return conn, nil
	}
	_ = plain.Close()
	if within.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("no answer to the handshake within %s: does the host speak TLS there?", h.handshake)
	}
	return nil, fmt.Errorf("TLS with %s: %w", address, err)
}

// newIsoSendCmd is `switchctl iso send`.
func newIsoSendCmd() *cobra.Command {
	var host isoHost
	var to isoMessages
	var file string
	var expect []string
	var wait time.Duration
	var signOn, clearPAN, asJSON bool
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
			drafts, err := isoDrafts(cmd, codec, file, args[1:])
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
			s := isoSession{cmd: cmd, codec: codec, clearPAN: clearPAN, asJSON: asJSON, Exchanges: []isoExchange{}}
			s.talk = isotool.NewTalk(conn, format, codec, wait, s.other)
			err = s.run(drafts)
			if asJSON {
				err = errors.Join(err, writeJSON(cmd.OutOrStdout(), &s))
			}
			return err
		},
	}
	to.add(cmd, "binary2")
	host.add(cmd)
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "JSON `file` with messages, or - for standard input")
	f.StringArrayVar(&expect, "expect", nil, "what each answer must have; may be given several times")
	f.DurationVar(&wait, "wait", 10*time.Second, "how long to wait for an answer")
	f.BoolVar(&signOn, "sign-on", false, "sign on first")
	f.BoolVar(&clearPAN, "clear-pan", false, "show card numbers; tracks, CVC and PIN stay hidden")
	f.BoolVar(&asJSON, "json", false, "print what was sent and what came as JSON")
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

// isoSession is a conversation that is printed, or kept to be printed as JSON.
type isoSession struct {
	cmd      *cobra.Command
	talk     *isotool.Talk
	codec    *spec.Codec
	clearPAN bool
	asJSON   bool

	Exchanges []isoExchange `json:"exchanges"`
}

// isoExchange is what was sent and what came then.
type isoExchange struct {
	Sent   isotool.Shown   `json:"sent"`
	Answer *isotool.Shown  `json:"answer"` // null if there is none
	Others []isotool.Shown `json:"others,omitempty"`
	Wrong  []string        `json:"wrong,omitempty"` // what the answer lacks of what was expected
	Error  string          `json:"error,omitempty"` // why there is no answer
}

func (s *isoSession) run(drafts []*isotool.Draft) error {
	unmet := 0
	for _, d := range drafts {
		s.Exchanges = append(s.Exchanges, isoExchange{Sent: s.show("->", &d.Message)})
		now := &s.Exchanges[len(s.Exchanges)-1]
		answer, err := s.talk.Exchange(s.cmd.Context(), d)
		var field *spec.FieldError
		if errors.As(err, &field) && field.Offset < 0 {
			err = fmt.Errorf("not sent: %w", err)
		}
		if err != nil {
			now.Error = err.Error()
			return err
		}
		shown := s.show("<-", answer)
		now.Answer = &shown
		for _, e := range d.Expect {
			if wrong := e.Check(answer); wrong != "" {
				unmet++
				if now.Wrong = append(now.Wrong, wrong); !s.asJSON {
					fmt.Fprintln(s.cmd.OutOrStdout(), "  wrong:", wrong)
				}
			}
		}
	}
	if unmet > 0 {
		return errNo
	}
	return nil
}

// other takes a message that is no answer.
func (s *isoSession) other(m *spec.Message) {
	now := &s.Exchanges[len(s.Exchanges)-1]
	now.Others = append(now.Others, s.show("<- (no answer)", m))
}

func (s *isoSession) show(direction string, m *spec.Message) isotool.Shown {
	shown := isotool.Show(s.codec, m, s.clearPAN)
	if !s.asJSON { // a reader that is gone is no fault of the host
		fmt.Fprintln(s.cmd.OutOrStdout(), direction)
		_ = shown.Print(s.cmd.OutOrStdout())
	}
	return shown
}
