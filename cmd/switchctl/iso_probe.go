package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"switchyard/internal/capture"
	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/guess"
)

// isoProbe is `switchctl iso probe`.
type isoProbe struct {
	host        isoHost
	dialects    []string
	framings    []string
	form        string
	wait, pause time.Duration
	tries       int
	asJSON      bool
	files       map[string]string // of dialects of one's own, by their names
}

// probed is what probe prints as JSON.
type probed struct {
	Tries      []isotool.Try      `json:"tries,omitempty"`
	Hypotheses []guess.Hypothesis `json:"hypotheses"`
	Config     string             `json:"config,omitempty"`
}

func newIsoProbeCmd() *cobra.Command {
	var p isoProbe
	cmd := &cobra.Command{
		Use:   "probe FILE|HOST:PORT",
		Short: "Find out how a peer frames and writes its messages",
		Long: `Rank which framing, header, bitmap, encoding and dialect explain the bytes of FILE, which may be in any
form that iso decode reads, with reasons, and print the configuration of an issuer that fits. "certain"
is said only where whole messages were read that tell dialects apart and nothing else that was tried
reads them.

With HOST:PORT a host is asked: it is listened to first, then sent an echo and a sign-on in one framing and dialect
after the other, each over a connection of its own, with a pause between them, until something comes that can be
read. Ask only hosts that you may ask: some block who sends them what they cannot read.

Exits with 0 when a dialect is found, with 1 when none is, with 2 when there is nothing to read or nobody to ask.`,
		Example: `  switchctl iso probe capture.pcap
  switchctl iso probe --framings ascii4,bcd2 --dialects iso87bcd --wait 5s host.example:5000`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			codecs, err := p.codecs()
			if err != nil {
				return err
			}
			_, noFile := os.Stat(args[0])
			_, _, noAddress := net.SplitHostPort(args[0])
			switch {
			case args[0] == "-" || noFile == nil:
				return p.look(cmd, args[0], codecs)
			case noAddress == nil:
				return p.ask(cmd, args[0], codecs)
			case errors.Is(noFile, fs.ErrNotExist):
				return fmt.Errorf("want a file or HOST:PORT: there is no file %s, and as an address it has no port", args[0])
			}
			return noFile
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&p.dialects, "dialects", nil, "dialects to try, embedded ones or JSON files (default: all embedded)")
	f.StringSliceVar(&p.framings, "framings", isotool.ProbeFramings, "framings to ask a host in")
	offersDialects(cmd, "dialects")
	offersFramings(cmd, "framings")
	f.StringVar(&p.form, "form", "", formUsage+orFound)
	f.DurationVar(&p.wait, "wait", 2*time.Second, "how long a host may think about each message")
	f.DurationVar(&p.pause, "pause", 500*time.Millisecond, "how long a host is left alone between two connections")
	f.IntVar(&p.tries, "tries", 150, "at most so many connections")
	f.BoolVar(&p.asJSON, "json", false, "print what was found as JSON")
	offersForms(cmd, "form")
	p.host.add(cmd)
	return cmd
}

func (p *isoProbe) codecs() ([]*spec.Codec, error) {
	if len(p.dialects) == 0 {
		return spec.StockCodecs(), nil
	}
	var codecs []*spec.Codec
	p.files = map[string]string{}
	for _, name := range p.dialects {
		c, err := isotool.OpenDialect(name)
		if err != nil {
			return nil, err
		}
		codecs = append(codecs, c)
		if strings.HasSuffix(name, ".json") {
			p.files[c.Name()] = name
		}
	}
	return codecs, nil
}

// look ranks what a file looks like: its longest stream, in the form that explains most.
func (p *isoProbe) look(cmd *cobra.Command, name string, codecs []*spec.Codec) error {
	data, err := readFile(standardInput(cmd), name)
	if err != nil {
		return err
	}
	if p.form != "" && !knownForm(p.form) {
		return fmt.Errorf("--form %s: want binary, hex, base64, literal, dump or pcap", p.form)
	}
	ranked, err := isotool.Look(data, capture.Form(p.form), codecs)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return p.print(cmd, probed{Hypotheses: ranked}, "HOST:PORT")
}

// ask asks a host.
func (p *isoProbe) ask(cmd *cobra.Command, address string, codecs []*spec.Codec) error {
	dial, err := p.host.dialer(address)
	if err != nil {
		return err
	}
	if p.tries < 1 || p.wait <= 0 || p.pause < 0 {
		return errors.New("want --tries of 1 at least, --wait above 0 and --pause of 0 at least")
	}
	result := probed{}
	result.Hypotheses, err = isotool.Probe(cmd.Context(), isotool.ProbeOptions{
		Dial: func(ctx context.Context) (net.Conn, error) { return dial(ctx) }, Codecs: codecs, Framings: p.framings,
		Wait: p.wait, Pause: p.pause, Most: p.tries, Now: time.Now,
		Told: func(t isotool.Try) {
			result.Tries = append(result.Tries, t)
			if !p.asJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), t)
			}
		},
	})
	if err != nil && !errors.Is(err, isotool.ErrNothingFits) {
		return err
	}
	return p.print(cmd, result, address)
}

func (p *isoProbe) print(cmd *cobra.Command, found probed, address string) error {
	best := len(found.Hypotheses) > 0 && found.Hypotheses[0].Dialect != ""
	if len(found.Hypotheses) > 0 {
		found.Config = isotool.Config("issuer-1", address, &found.Hypotheses[0], p.files)
	}
	var err error
	if p.asJSON {
		err = writeJSON(cmd.OutOrStdout(), found)
	} else {
		err = writeProbed(cmd.OutOrStdout(), found)
	}
	if err == nil && !best {
		return errNo
	}
	return err
}

func writeProbed(w io.Writer, found probed) error {
	if len(found.Hypotheses) == 0 {
		_, err := fmt.Fprintln(w, "nothing looks like ISO 8583")
		return err
	}
	for i, h := range found.Hypotheses {
		dialect := h.Dialect
		if dialect == "" {
			dialect = "no dialect that is known"
		}
		fmt.Fprintf(w, "%d. %s, %s: %s\n   %s\n", i+1, h.Framing, dialect, h.Confidence, strings.Join(h.Reasons, ", "))
	}
	_, err := fmt.Fprintf(w, "\n%s", found.Config)
	return err
}
