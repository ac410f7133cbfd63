package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"switchyard/internal/capture"
	"switchyard/internal/infile"
	"switchyard/internal/loadgen/scenario"
	"switchyard/internal/loadgen/steady"
)

// replayPlan makes a plan of --replay: what a capture has is asked again of an ISO 8583 host; others, and the
// moments of other files, get the flow of the flags.
func (f *loadFlags) replayPlan(cmd *cobra.Command, o *steady.Options) (*scenario.Plan, error) {
	r := f.replay
	r.Seed, r.Timeout, r.Connections, r.Cards = o.Seed, o.Timeout, o.Connections, o.Cards
	if cmd.Flags().Changed("speed") && r.Speed == 0 {
		return nil, fmt.Errorf("speed: 0, expected more than 0")
	}
	again, err := isCapture(r.File)
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"flow", "sale"} {
		if again && o.ISO && cmd.Flags().Changed(name) {
			return nil, fmt.Errorf("%s: expected without --iso, which asks again what the capture of --replay has asked for",
				name)
		}
	}
	if !again || !o.ISO {
		if r.Flow = o.Flow; o.Sale {
			r.Flow = "sale"
		}
	}
	if again && cmd.Flags().Changed("dialect") {
		r.Dialect = o.Dialect
	}
	return r.Plan()
}

// isCapture tells whether a file is a capture, by how it begins.
func isCapture(name string) (bool, error) {
	file, err := infile.Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	var head [4]byte
	n, _ := file.Read(head[:]) // what cannot be read is told by who reads all of it
	return capture.IsPcap(head[:n]), nil
}
