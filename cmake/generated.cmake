# Headers made while configuring: what this build is, and which commands it has.
set(FZ_GENERATED ${PROJECT_BINARY_DIR}/generated)

# A source archive has no history: then the revision is unknown, which is no error.
set(FZ_GIT_REVISION unknown)
find_package(Git QUIET)
if(GIT_FOUND)
  execute_process(
    COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} rev-parse --show-toplevel --git-path logs/HEAD
    OUTPUT_VARIABLE git_answer RESULT_VARIABLE git_failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT git_failed)
    string(REPLACE "\n" ";" git_answer "${git_answer}")
    list(GET git_answer 0 git_top)
    list(GET git_answer 1 git_log)
    get_filename_component(git_log ${git_log} ABSOLUTE BASE_DIR ${PROJECT_SOURCE_DIR})
    # An archive unpacked inside somebody else's checkout must not take that one's revision.
    file(REAL_PATH ${PROJECT_SOURCE_DIR} source_top)
    if(git_top STREQUAL source_top)
      execute_process(
        COMMAND ${GIT_EXECUTABLE} -C ${PROJECT_SOURCE_DIR} describe --always --dirty --abbrev=12 --exclude=*
        OUTPUT_VARIABLE git_revision RESULT_VARIABLE git_failed ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
      if(NOT git_failed)
        set(FZ_GIT_REVISION ${git_revision})
      endif()
      if(EXISTS ${git_log}) # configure again after each commit
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${git_log})
      endif()
    endif()
  endif()
endif()

string(TOUPPER "${CMAKE_BUILD_TYPE}" build_type)
get_directory_property(build_options COMPILE_OPTIONS)
string(REPLACE ";" " " build_options "${build_options}")
string(STRIP "${CMAKE_C_FLAGS} ${CMAKE_C_FLAGS_${build_type}} -std=gnu11 ${build_options}" FZ_FLAGS)
configure_file(cmake/frazil_build.h.in ${FZ_GENERATED}/frazil_build.h @ONLY)

# A command is part of the program when its file exists.
file(GLOB command_files CONFIGURE_DEPENDS io/cli/cmd_*.c)
set(FZ_COMMAND_PROTOTYPES "")
set(FZ_COMMAND_ROWS "")
foreach(file ${command_files})
  get_filename_component(name ${file} NAME_WE)
  string(REGEX REPLACE "^cmd_" "" name ${name})
  string(APPEND FZ_COMMAND_PROTOTYPES
         "fz_status fz_cmd_${name}(fz_mpi *comm, int argc, char **argv, fz_error *err);\n")
  string(APPEND FZ_COMMAND_ROWS "    {\"${name}\", fz_cmd_${name}},\n")
endforeach()
configure_file(cmake/frazil_commands.h.in ${FZ_GENERATED}/frazil_commands.h @ONLY)
