#include "client/cli/command_line.h"

int main(int argc, char** argv) { return tessera::cli::RunCommandLine(argc, argv); }
