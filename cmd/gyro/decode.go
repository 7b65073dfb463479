package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"gyro/network/element"
)

// newDecodeCommand builds "gyro decode": Diameter messages as trees for people.
func newDecodeCommand() *cobra.Command {
	var binary bool
	cmd := &cobra.Command{
		Use:   "decode [hex | file | -]",
		Short: "Show Diameter messages with the names of their AVPs",
		Long: `Show Diameter messages as indented trees: names, flags, lengths and values. The messages are given in hexadecimal (white
space, colons, and # to the end of the line are ignored) as an argument, in a file or on standard input, or as bytes with
--binary. Several messages may follow each other. A malformed message is shown as far as it can be decoded, with the byte
offset of each fault, and makes the command fail.`,
		Example: `  gyro decode 01000014:80000118:00000000:00000001:00000001
  gyro decode --binary capture.bin
  xclip -o | gyro decode`,
		Args: cobra.MaximumNArgs(1), SilenceUsage: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := readMessages(cmd.InOrStdin(), args, binary)
			if err != nil {
				return err
			}
			dictionary, err := element.LoadDictionary()
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			return errors.Join(dictionary.Decode(out, data), out.Flush())
		},
	}
	cmd.Flags().BoolVar(&binary, "binary", false, "the input is bytes, not hexadecimal")
	return cmd
}

// readMessages reads the messages of an argument: a file if there is one of that name, else hexadecimal; none or "-" is
// standard input.
func readMessages(stdin io.Reader, args []string, binary bool) ([]byte, error) {
	read := element.ReadHex
	if binary {
		read = element.ReadBinary
	}
	if len(args) == 0 || args[0] == "-" {
		return read(stdin)
	}
	file, err := os.Open(args[0])
	switch {
	case err == nil:
		defer func() { _ = file.Close() }() // only read
		data, err := read(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", args[0], err)
		}
		return data, nil
	case binary:
		return nil, err
	}
	data, hexErr := element.ReadHex(strings.NewReader(args[0]))
	if hexErr != nil {
		return nil, fmt.Errorf("%q is neither a file (%w) nor hexadecimal (%w)", args[0], err, hexErr)
	}
	return data, nil
}
