package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/capture"
	"switchyard/internal/completion"
	"switchyard/internal/infile"
	"switchyard/internal/isotool"
	"switchyard/spec"
	"switchyard/spec/framing"
)

// dialectUsage is the help of --dialect.
var dialectUsage = strings.Join(spec.Stock(), ", ") + ", or a JSON file with your own"

// Help of other flags that several commands have.
const (
	framingUsage = "what stands around a message, such as binary2, ascii4+tpdu:6000030000 or none"
	formUsage    = "how the bytes are written: binary, hex, base64, literal, dump or pcap"
	orFound      = " (default: found out)"
)

// isoInput are flags of what messages are read from.
type isoInput struct {
	dialect, framing, form string
	clearPAN               bool
}

func (f *isoInput) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.dialect, "dialect", "", dialectUsage+orFound)
	flags.StringVar(&f.framing, "framing", "", framingUsage+orFound)
	flags.StringVar(&f.form, "form", "", formUsage+orFound)
	flags.BoolVar(&f.clearPAN, "clear-pan", false, "show card numbers; tracks, CVC and PIN stay hidden")
	offersDialects(cmd, "dialect")
	offersFramings(cmd, "framing")
	offersForms(cmd, "form")
}

// offersForms has shells complete the form of an input.
func offersForms(cmd *cobra.Command, flag string) {
	var forms []string
	for _, f := range capture.Forms {
		forms = append(forms, string(f))
	}
	completion.Flag(cmd, flag, forms...)
}

// read reads a file, or standard input for -.
func (f *isoInput) read(stdin io.Reader, name string) (*isotool.Reading, error) {
	in := isotool.Input{Framing: f.framing, Form: capture.Form(f.form), ClearPAN: f.clearPAN}
	if f.form != "" && !knownForm(f.form) {
		return nil, fmt.Errorf("--form %s: want binary, hex, base64, literal, dump or pcap", f.form)
	}
	if _, err := framing.Parse(f.framing); f.framing != "" && err != nil {
		return nil, err
	}
	var err error
	if f.dialect != "" {
		if in.Codec, err = isotool.OpenDialect(f.dialect); err != nil {
			return nil, err
		}
	}
	in.Candidates = spec.StockCodecs()
	if in.Data, err = readFile(stdin, name); err != nil {
		return nil, err
	}
	r, err := isotool.Read(in)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

func knownForm(name string) bool {
	for _, f := range capture.Forms {
		if string(f) == name {
			return true
		}
	}
	return false
}

// readFile reads a file, or standard input for -, of at most capture.MaxInput bytes.
func readFile(stdin io.Reader, name string) ([]byte, error) {
	var data []byte
	var err error
	if name == "-" {
		data, err = io.ReadAll(io.LimitReader(stdin, capture.MaxInput+1))
	} else {
		data, err = infile.Read(name, capture.MaxInput)
	}
	switch {
	case err != nil:
		return nil, err
	case len(data) > capture.MaxInput:
		return nil, fmt.Errorf("%s: want at most %d bytes", name, capture.MaxInput)
	case len(data) == 0:
		return nil, fmt.Errorf("%s: want ISO 8583 messages, got nothing", name)
	}
	return data, nil
}

// isoMessages are flags of messages that are made.
type isoMessages struct {
	dialect, framing string
}

func (f *isoMessages) add(cmd *cobra.Command, defaultFraming string) {
	cmd.Flags().StringVar(&f.dialect, "dialect", spec.DefaultDialect, dialectUsage)
	cmd.Flags().StringVar(&f.framing, "framing", defaultFraming, framingUsage)
	offersDialects(cmd, "dialect")
	offersFramings(cmd, "framing")
}

func (f *isoMessages) parse() (*spec.Codec, framing.Format, error) {
	codec, err := isotool.OpenDialect(f.dialect)
	if err != nil {
		return nil, framing.Format{}, err
	}
	format, err := framing.Parse(f.framing)
	return codec, format, err
}

// outputUsage is the help of --output.
var outputUsage = "how to write the bytes: " + strings.Join(isotool.Outputs, ", ")

// emit writes bytes in the form that --output asks for.
func emit(w io.Writer, form string, data []byte) error {
	text, err := isotool.Encode(form, data)
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// refused ends a command with exit code 1 and says why.
func refused(cmd *cobra.Command, err error) error {
	complain(cmd, err)
	return errNo
}
